//! Every part that a store hands out is given back, and block by block one block is out at a time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, Lent, LossScope, Packed, Parameter, Part, Placement, Policy,
    Recompute, WeightStore, accumulate_gradient, outputs,
};
use tch::{Device, Kind, Tensor};

use crate::micro_folder::{config_text, micro_folder};

/// How often each part was handed out and is out now, and the most blocks that were out at once.
#[derive(Debug, Default)]
struct Ledger {
    lent: HashMap<Part, usize>,
    out: HashMap<Part, i64>,
    most_blocks: i64,
}

impl Ledger {
    fn lend(&mut self, part: Part) {
        *self.lent.entry(part).or_default() += 1;
        *self.out.entry(part).or_default() += 1;
        let blocks = self.out.iter().filter(|(part, _)| matches!(part, Part::Block(_))).map(|(_, out)| out).sum();
        self.most_blocks = self.most_blocks.max(blocks);
    }

    fn release(&mut self, part: Part) {
        *self.out.entry(part).or_default() -= 1;
    }
}

/// Another decoder's store, with a ledger.
#[derive(Debug)]
struct Watched {
    decoder: Decoder,
    ledger: Arc<Mutex<Ledger>>,
}

impl WeightStore for Watched {
    fn embedding(&self) -> Tensor {
        self.ledger.lock().unwrap().lend(Part::Embedding);
        self.decoder.store().embedding()
    }

    fn block(&self, layer: usize) -> Lent<'_> {
        self.ledger.lock().unwrap().lend(Part::Block(layer));
        self.decoder.store().block(layer)
    }

    fn final_norm(&self) -> Tensor {
        self.ledger.lock().unwrap().lend(Part::FinalNorm);
        self.decoder.store().final_norm()
    }

    fn head(&self) -> Tensor {
        self.ledger.lock().unwrap().lend(self.head_part());
        self.decoder.store().head()
    }

    fn release(&self, part: Part) {
        self.ledger.lock().unwrap().release(part);
    }

    fn head_part(&self) -> Part {
        self.decoder.store().head_part()
    }

    fn blank(&self) -> Box<dyn WeightStore> {
        self.decoder.store().blank()
    }

    fn add_gradients(&mut self, part: Part, gradients: Vec<Tensor>) {
        self.decoder.store_mut().add_gradients(part, gradients);
    }

    fn take_gradient(&mut self, part: Part) -> Option<Tensor> {
        self.decoder.store_mut().take_gradient(part)
    }

    fn put_gradient(&mut self, part: Part, gradient: Tensor) {
        self.decoder.store_mut().put_gradient(part, gradient);
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.decoder.parameters()
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        self.decoder.store().gradients()
    }

    fn clear_gradients(&mut self) {
        self.decoder.store_mut().clear_gradients();
    }

    fn options(&self) -> (Kind, Device) {
        self.decoder.store().options()
    }
}

#[test]
fn what_is_handed_out_is_given_back() {
    for name in ["qwen2", "qwen2_tied"] {
        let inner = Policy::load(micro_folder(name, &config_text(name)).path(), Placement::CPU).unwrap().decoder;
        let config = inner.config().clone();
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let mut decoder = Decoder::with_store(&config, Box::new(Watched { decoder: inner, ledger: ledger.clone() }));
        let batch = Packed::new(&[(&[1, 5, 9, 2, 7], std::slice::from_ref(&(2..5)))], Device::Cpu);
        let num_blocks = decoder.num_blocks();
        let check = |what: &str, passes: usize, most_blocks: usize| {
            let ledger = std::mem::take(&mut *ledger.lock().unwrap());
            assert!(ledger.out.values().all(|out| *out == 0), "{name} {what}: {:?}", ledger.out);
            for part in (0..num_blocks).map(Part::Block) {
                assert_eq!(ledger.lent.get(&part), Some(&passes), "{name} {what}: {part:?}");
            }
            assert_eq!(ledger.lent.get(&Part::FinalNorm), Some(&1), "{name} {what}");
            let tables = [Part::Embedding, Part::Head].iter().filter_map(|part| ledger.lent.get(part)).sum::<usize>();
            assert_eq!(tables, 2, "{name} {what}: embedding and head, once each");
            assert_eq!(ledger.most_blocks, most_blocks as i64, "{name} {what}");
        };
        let head = LanguageHead::new(&decoder, HeadOptions { temperature: 1.0, chunk: 2 });
        let _ = outputs(&decoder, &head, &batch);
        check("outputs", 1, 1);
        let _ = tch::no_grad(|| decoder.logits(&decoder.hidden(&batch.ids, &batch.positions, &mut batch.attention())));
        check("logits", 1, 1);
        for (recompute, passes, most) in [(Recompute::Nothing, 1, num_blocks), (Recompute::Blocks, 2, 1)] {
            let mut head = LanguageHead::new(&decoder, HeadOptions { temperature: 1.0, chunk: 2 });
            let loss = |_, output: &policy::LanguageOutput| {
                Ok::<_, Infallible>(LanguageGradient { logprob: output.logprobs(), entropy: None })
            };
            let Ok(_) = accumulate_gradient(&mut decoder, &mut head, &batch, recompute, LossScope::Token, loss);
            check(&format!("{recompute:?}"), passes, most);
        }
    }
}
