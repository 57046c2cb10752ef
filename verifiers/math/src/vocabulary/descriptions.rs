//! Words that describe a value and leave it as it is, and words that stand for a sign.

use super::word::Word;

pub(super) const LISTS: &[(&str, Word)] = &[
    (LABELS, Word::Label),
    (FILLERS, Word::Filler),
    (ADJECTIVES, Word::Filler),
    (COLOURS, Word::Filler),
    (QUANTIFIERS, Word::Quantifier),
    (NAMES, Word::Name),
    ("a an", Word::Article),
    ("of", Word::Of),
    ("prime perfect double triple quadruple twin non", Word::Kind),
    ("is are equal equals", Word::Equals),
    ("approximately approx approximate", Word::Approximately),
    ("plus", Word::Plus),
    ("minus negative", Word::Minus),
    ("times multiplied", Word::Times),
    ("divided", Word::DividedBy),
    ("and", Word::And),
    ("or", Word::Or),
    ("percent percentage pct", Word::Percent),
    ("degree deg", Word::Degree),
    ("degrees", Word::Degree),
    ("infinity inf infinite", Word::Infinity),
    ("undefined dne", Word::Undefined),
    ("more greater larger bigger", Word::More),
    ("less fewer smaller", Word::Less),
    ("at", Word::At),
    ("for where when if with forall", Word::Condition),
    ("per", Word::Per),
    ("square sq", Word::UnitPower(2)),
    ("cubic", Word::UnitPower(3)),
    ("squared", Word::Power(2)),
    ("cubed", Word::Power(3)),
];

/// What the value is the value of, before a colon, an equals sign or "is".
const LABELS: &str = "\
    answer result output final minimum maximum smallest largest least greatest lowest highest min max value
    amount count total area perimeter circumference volume surface length width height depth distance radius
    diameter base hypotenuse altitude median mean average mode range variance probability chance odds expected
    speed velocity acceleration rate age weight mass size cost price income revenue balance difference quotient
    remainder product slope intercept center centre focus midpoint domain codomain period amplitude frequency
    domain degree determinant rank trace norm magnitude angle limit derivative integral roots solutions first
    last next";

/// The words around a value in a sentence.
const FILLERS: &str = "\
    the only just exactly precisely simply total altogether overall combined respectively each apiece so thus
    hence therefore then that this these those there it its we have has had get gets got find obtain both left
    remaining remain remains long wide tall high deep thick old away";

/// Sizes, shapes, materials and the like, before what is counted.
const ADJECTIVES: &str = "\
    us american canadian australian british big small large little tiny huge giant long short tall wide narrow
    thick thin heavy light full empty whole entire complete single regular normal standard special extra
    additional new old young fresh hot cold warm clean dirty wet dry open closed broken good bad great nice
    happy sad pretty favorite favourite different distinct unique identical equal equilateral isosceles scalene
    acute obtuse congruent similar parallel perpendicular horizontal vertical diagonal real complex rational
    irrational natural positive nonnegative nonzero whole even odd consecutive possible valid ordered unordered
    wooden plastic metal paper cardboard leather cotton silk glass stone gold golden silver bronze copper iron
    steel solid hollow flat round circular rectangular triangular hexagonal local foreign daily weekly monthly
    yearly annual nautical fluid solar electric electronic digital wild tame adult baby male female human public
    private free paid cheap expensive used unused sold unsold left leftover remaining missing correct first
    teddy ice potted stuffed baked fried grilled frozen sliced chopped cooked raw ripe organic vanilla lollipop
    marmalade hard soft chewy sour spicy plain mixed baseball soccer tennis golf chess board video individual
    striped floral social academic interesting distinguishable visible initial vacant married classical french
    english spanish german italian chinese japanese mexican indian greek russian relatively nonempty miniature
    artistic bouncy mosaic sterling unmanned handmade homemade genuine rare common uncommon popular famous
    important necessary useful smart clever quick slow fast loud quiet safe dangerous healthy sick
    injured hungry thirsty tired busy lazy strong weak brave gentle friendly funny serious strange ordinary
    typical average math science history music art";

const COLOURS: &str = "\
    red orange yellow green blue purple violet indigo pink brown black white gray grey teal turquoise lavender
    maroon navy beige colored coloured dark bright";

/// Words that stand in conditions alone: `for all real x`.
const QUANTIFIERS: &str = "\
    all any every some arbitrary reals such which be";

/// Names beside a number that make it another thing: June 20 is not 20.
const NAMES: &str = "\
    january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday";
