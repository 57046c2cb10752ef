// Shows the samples of one kind of verdict, and the tasks that have some.
for (const bar of document.querySelectorAll(".filter")) {
  const section = bar.closest("section");
  bar.addEventListener("click", (event) => {
    const kind = event.target.dataset.kind;
    if (kind === undefined) return;
    for (const button of bar.children) button.setAttribute("aria-pressed", button === event.target);
    for (const task of section.querySelectorAll("details.step")) {
      let shown = 0;
      for (const sample of task.querySelectorAll("article")) {
        sample.hidden = kind !== "" && sample.dataset.kind !== kind;
        shown += sample.hidden ? 0 : 1;
      }
      task.hidden = shown === 0;
    }
  });
}
