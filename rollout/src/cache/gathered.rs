//! Blocks in libtorch's tensors, for devices that have no kernel of ours: a pass copies what its sequences attend to
//! side by side and hands it to `scaled_dot_product_attention`.

use kernels::BLOCK_TOKENS;
use policy::{ModelConfig, Placement};
use tch::{Kind, TchError, Tensor};

use super::blocks::BlockId;
use super::piece::CachedPiece;

/// Widths that are attended to are multiples of so many tokens: few distinct shapes, and rows that are aligned.
const WIDTH_STEP: usize = 32;

/// Keys and values of all blocks.
#[derive(Debug)]
pub(crate) struct GatheredTensors {
    /// Keys and values of each layer, `[tokens, kv_heads * head_dim]`. The first block is nobody's and stays zero: what
    /// a row has too few of is read there.
    layers: Vec<[Tensor; 2]>,
    num_blocks: usize,
    num_kv_heads: i64,
    head_dim: i64,
}

impl GatheredTensors {
    /// Without blocks but the one that is nobody's.
    pub(crate) fn new(config: &ModelConfig, placement: Placement) -> Self {
        let width = config.num_key_value_heads * config.head_dim;
        let zeros = || Tensor::zeros([BLOCK_TOKENS as i64, width], placement.options());
        Self {
            layers: (0..config.num_hidden_layers).map(|_| [zeros(), zeros()]).collect(),
            num_blocks: 0,
            num_kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
        }
    }

    /// Makes memory for so many blocks, or for a quarter more than there were, and not for more than `most_blocks`; one
    /// tensor after the other, so that one of them is there twice.
    pub(crate) fn grow(&mut self, num_blocks: usize, most_blocks: usize) -> Result<(), TchError> {
        if num_blocks <= self.num_blocks {
            return Ok(());
        }
        let num_blocks = num_blocks.max((self.num_blocks + self.num_blocks / 4).min(most_blocks));
        for tensor in self.layers.iter_mut().flatten() {
            let [tokens, width] = [0, 1].map(|dimension| tensor.size()[dimension]);
            let new_tokens = ((num_blocks + 1) * BLOCK_TOKENS) as i64;
            let larger = Tensor::f_empty([new_tokens, width], (tensor.kind(), tensor.device()))?;
            larger.narrow(0, 0, tokens).copy_(tensor);
            *tensor = larger;
        }
        self.num_blocks = num_blocks;
        Ok(())
    }

    /// Makes block `to` what block `from` is.
    pub(crate) fn copy(&mut self, from: BlockId, to: BlockId) {
        for tensor in self.layers.iter().flatten() {
            let block = |block| tensor.narrow(0, place(block, 0), BLOCK_TOKENS as i64);
            block(to).copy_(&block(from));
        }
    }

    /// Writes `key` and `value`, `[tokens, kv_heads, head_dim]` each, as a pass says.
    pub(crate) fn write(&mut self, layer: usize, pass: &GatheredPass, key: &Tensor, value: &Tensor) {
        let width = self.num_kv_heads * self.head_dim;
        for (cached, new) in self.layers[layer].iter_mut().zip([key, value]) {
            let new = new.reshape([-1, width]);
            let new = match &pass.written {
                None => new,
                Some(rows) => new.index_select(0, rows),
            };
            let _ = cached.index_copy_(0, &pass.places, &new);
        }
    }

    /// Attends with `query` `[tokens, heads, head_dim]` as a pass says; returns as much.
    pub(crate) fn attend(&self, layer: usize, pass: &GatheredPass, query: &Tensor) -> Tensor {
        let (heads, head_dim, kv_heads) = (query.size()[1], self.head_dim, self.num_kv_heads);
        let group = heads / kv_heads;
        let attended = pass.groups.iter().map(|part| {
            let GatheredGroup { first, rows, queries, width, places, mask } = part;
            let read = |tensor: &Tensor| {
                tensor.index_select(0, places).view([*rows, *width, kv_heads, head_dim]).transpose(1, 2)
            };
            let [keys, values] = self.layers[layer].each_ref().map(read); // [rows, kv_heads, width, head_dim]
            // Heads that share a key-value head count as more queries of that head.
            let query = query.narrow(0, *first, rows * queries).reshape([*rows, *queries, kv_heads, group, head_dim]);
            let query = query.permute([0, 2, 3, 1, 4]).reshape([*rows, kv_heads, group * queries, head_dim]);
            let mask = mask.unsqueeze(1).expand([*rows, group, *queries, *width], false);
            let mask = mask.reshape([*rows, 1, group * queries, *width]);
            Tensor::scaled_dot_product_attention(&query, &keys, &values, Some(&mask), 0.0, false, None, false)
                .view([*rows, kv_heads, group, *queries, head_dim])
                .permute([0, 3, 1, 2, 4])
                .reshape([rows * queries, heads, head_dim])
        });
        let attended: Vec<Tensor> = attended.collect();
        Tensor::cat(&attended, 0)
    }
}

/// Where a pass writes, and what it attends to.
#[derive(Debug)]
pub(crate) struct GatheredPass {
    /// `[written]`: rows of the pass whose keys are written; absent where all are.
    written: Option<Tensor>,
    /// `[written]`: their places.
    places: Tensor,
    groups: Vec<GatheredGroup>,
}

/// Rows that attend together: one of each of some sequences, or several of one.
#[derive(Debug)]
struct GatheredGroup {
    /// The first of them among the pass's.
    first: i64,
    rows: i64,
    queries: i64,
    width: i64,
    /// `[rows * width]`: places of the tokens.
    places: Tensor,
    /// `[rows, queries, width]`: 0 at what a row sees, -inf elsewhere; added to attention scores.
    mask: Tensor,
}

impl GatheredPass {
    /// A pass over the tokens of these sequences, in this order.
    pub(crate) fn new(pieces: &[CachedPiece<'_>], placement: Placement) -> Self {
        let (mut written, mut places, mut row) = (Vec::new(), Vec::new(), 0i64);
        for &CachedPiece { table, start, num_tokens, num_cached } in pieces {
            for position in start..start + num_tokens {
                if position >= num_cached {
                    written.push(row);
                    places.push(place(table[position / BLOCK_TOKENS], position % BLOCK_TOKENS));
                }
                row += 1;
            }
        }
        let upload = |numbers: &[i64]| Tensor::from_slice(numbers).to_device(placement.device);
        let (mut groups, mut first, mut rest) = (Vec::new(), 0, pieces);
        while let Some(piece) = rest.first() {
            let num_single = rest.iter().take_while(|piece| piece.num_tokens == 1).count();
            let (group, others) = rest.split_at(num_single.max(1));
            groups.push(GatheredGroup::new(first, group, placement));
            first += if num_single > 0 { num_single } else { piece.num_tokens } as i64;
            rest = others;
        }
        let is_whole = written.len() as i64 == row;
        Self { written: (!is_whole).then(|| upload(&written)), places: upload(&places), groups }
    }
}

impl GatheredGroup {
    /// Pieces of as many tokens each.
    fn new(first: i64, pieces: &[CachedPiece<'_>], placement: Placement) -> Self {
        let queries = pieces[0].num_tokens;
        let longest = pieces.iter().map(|piece| piece.start + queries).max().unwrap_or(0);
        let width = longest.next_multiple_of(WIDTH_STEP);
        let (mut places, mut seen) = (Vec::with_capacity(pieces.len() * width), Vec::new());
        for &CachedPiece { table, start, num_tokens, .. } in pieces {
            let end = start + num_tokens;
            places.extend((0..end).map(|position| place(table[position / BLOCK_TOKENS], position % BLOCK_TOKENS)));
            places.resize(places.len() + width - end, 0);
            seen.extend((start + 1..=end).map(|num_seen| num_seen as i64));
        }
        let (rows, queries, width) = (pieces.len() as i64, queries as i64, width as i64);
        let seen = Tensor::from_slice(&seen).to_device(placement.device).view([rows, queries, 1]);
        let is_hidden = Tensor::arange(width, (Kind::Int64, placement.device)).ge_tensor(&seen);
        let mask = Tensor::zeros([rows, queries, width], placement.options());
        let mask = mask.masked_fill(&is_hidden, f64::NEG_INFINITY);
        let places = Tensor::from_slice(&places).to_device(placement.device);
        Self { first, rows, queries, width, places, mask }
    }
}

/// Place of a block's token; the first block is nobody's.
fn place(block: BlockId, offset: usize) -> i64 {
    ((block as usize + 1) * BLOCK_TOKENS + offset) as i64
}
