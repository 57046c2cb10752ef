#!/bin/sh
# Runs in a root that holds a system and nothing of the project but what an archive held: /try/NAME. Its arguments are
# NAME, and the folder of the sources, which must not be here.
set -eu
name=$1
sources=$2
trainer=/try/$name/trainer

step() {
    printf 'try: %s\n' "$*"
}

fail() {
    printf 'try: %s\n' "$*" >&2
    exit 1
}

for program in cargo rustc; do
    if command -v "$program" >/dev/null 2>&1; then
        fail "$program is here: this is no machine without Rust"
    fi
done
if [ -e "$sources" ]; then
    fail "$sources is here: the trainer could take something from the sources"
fi
if [ -n "${LIBTORCH:-}${LD_LIBRARY_PATH:-}" ]; then
    fail "a variable names a libtorch"
fi
export OMP_WAIT_POLICY=passive
cd /try

step "trainer --version"
"$trainer" --version
step "trainer sandbox doctor"
"$trainer" sandbox doctor
step "a program that is judged"
printf 'print(6 * 7)\n' >answer.py
"$trainer" sandbox run answer.py
step "a recipe of four stages with a micro model"
"$trainer" recipe --config micro/recipe.toml
step "an evaluation of its model"
"$trainer" eval --model micro/recipe/stage-2/checkpoints/last --data micro/recipe/data/math_eval.jsonl \
    --samples 2 --json eval.json
[ -s eval.json ] || fail "the evaluation left no figures"
step "all was done"
