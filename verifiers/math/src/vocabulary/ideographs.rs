//! Words of Chinese and Japanese beside a value. Units stand here by the names that `units` knows.

use super::word::Word;
use crate::unit::{Base, Currency, Unit};

const METRE: Unit = Unit::new(Base::Metre, 1, 1.0);
const AREA: Unit = Unit::new(Base::Metre, 2, 1.0);
const VOLUME: Unit = Unit::new(Base::Metre, 3, 1.0);
const KILOGRAM: Unit = Unit::new(Base::Kilogram, 1, 1.0);
const SECOND: Unit = Unit::new(Base::Second, 1, 1.0);
const DAY: Unit = SECOND.times(86_400.0);

pub(super) const LISTS: &[(&str, Word)] = &[
    ("米 公尺", Word::Unit(METRE)),
    ("厘米 公分", Word::Unit(METRE.times(1e-2))),
    ("毫米", Word::Unit(METRE.times(1e-3))),
    ("分米", Word::Unit(METRE.times(1e-1))),
    ("千米 公里", Word::Unit(METRE.times(1e3))),
    ("平方米", Word::Unit(AREA)),
    ("平方厘米", Word::Unit(AREA.times(1e-4))),
    ("平方分米", Word::Unit(AREA.times(1e-2))),
    ("平方千米 平方公里", Word::Unit(AREA.times(1e6))),
    ("公顷", Word::Unit(AREA.times(1e4))),
    ("立方米", Word::Unit(VOLUME)),
    ("立方分米 升", Word::Unit(VOLUME.times(1e-3))),
    ("立方厘米 毫升", Word::Unit(VOLUME.times(1e-6))),
    ("克", Word::Unit(KILOGRAM.times(1e-3))),
    ("千克 公斤", Word::Unit(KILOGRAM)),
    ("吨", Word::Unit(KILOGRAM.times(1e3))),
    ("斤", Word::Unit(KILOGRAM.times(0.5))),
    ("秒", Word::Unit(SECOND)),
    ("分钟", Word::Unit(SECOND.times(60.0))),
    ("小时 时", Word::Unit(SECOND.times(3600.0))),
    ("天 日", Word::Unit(DAY)),
    ("周 星期", Word::Unit(DAY.times(7.0))),
    ("月 个月", Word::Unit(DAY.times(365.0 / 12.0))),
    ("年", Word::Unit(DAY.times(365.0))),
    ("元 块钱 人民币", Word::Unit(Unit::money(Currency::Yuan, 1.0))),
    ("角", Word::Unit(Unit::money(Currency::Yuan, 0.1))),
    ("美元", Word::Unit(Unit::money(Currency::Dollar, 1.0))),
    ("欧元", Word::Unit(Unit::money(Currency::Euro, 1.0))),
    ("日元 円", Word::Unit(Unit::money(Currency::Yen, 1.0))),
    ("度", Word::Degree),
    ("每", Word::Per),
    ("或 或者", Word::Or),
    ("和 与 且 及 以及", Word::And),
    ("等于 是 为", Word::Equals),
    ("加", Word::Plus),
    ("减 负", Word::Minus),
    ("乘 乘以", Word::Times),
    ("除以", Word::DividedBy),
    ("平方", Word::Power(2)),
    ("立方", Word::Power(3)),
    ("共 总共 一共 的 第 即 故 所以 因此 则", Word::Filler),
    ("答 答案 最小值 最大值 面积 体积 周长", Word::Label),
    (
        "个 只 本 名 位 条 张 种 次 辆 棵 支 枚 件 双 页 圈 排 组 人 岁 块 头 匹 朵 颗 粒 根 台 艘 架 座 间 层 户 家 道 题 \
         分 箱 袋 瓶 杯 盒 包 套 对 把 片 串 遍 步 局 场 届 篇 册 封 首 幅 枝 筐 桶 车 班 队 学生 同学 老师 苹果 方法 种方法",
        Word::Noun,
    ),
    ("零", Word::Cardinal(0)),
    ("一", Word::Cardinal(1)),
    ("二 两", Word::Cardinal(2)),
    ("三", Word::Cardinal(3)),
    ("四", Word::Cardinal(4)),
    ("五", Word::Cardinal(5)),
    ("六", Word::Cardinal(6)),
    ("七", Word::Cardinal(7)),
    ("八", Word::Cardinal(8)),
    ("九", Word::Cardinal(9)),
    ("十", Word::Scale(10)),
];
