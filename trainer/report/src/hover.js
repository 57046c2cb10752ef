// Shows the values of the step nearest to the pointer.
const box = document.getElementById("hover");
const digits = (v) => {
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a < 1e-3 || a >= 1e6) return v.toExponential(2);
  return String(+v.toPrecision(4));
};
const show = { plain: digits, count: digits, percent: (v) => digits(v * 100) + " %", seconds: (v) => digits(v) + " s" };
for (const svg of document.querySelectorAll("svg[data-chart]")) {
  const chart = JSON.parse(svg.dataset.chart);
  const [low, high] = chart.x;
  const left = +svg.dataset.left, right = +svg.dataset.right;
  const cursor = svg.querySelector(".cursor");
  const hide = () => { box.hidden = true; cursor.style.display = "none"; };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const area = svg.getBoundingClientRect();
    const x = (event.clientX - area.left) / area.width * svg.viewBox.baseVal.width;
    const at = low + (x - left) / (right - left) * (high - low);
    const near = (points) => points.reduce((best, p) => Math.abs(p[0] - at) < Math.abs(best[0] - at) ? p : best);
    const found = chart.series.map((s) => near(s.p));
    if (x < left - 4 || !found.length) return hide();
    const step = near(found)[0];
    const place = left + (step - low) / (high - low) * (right - left);
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    cursor.style.display = "inline";
    box.replaceChildren();
    const head = document.createElement("b");
    head.textContent = "step " + step;
    box.append(head);
    found.forEach((p, i) => {
      const line = document.createElement("div"), mark = document.createElement("i");
      mark.className = "c" + i % 8;
      line.append(mark, chart.series[i].n + "  " + show[chart.unit](p[1]) + (p[0] === step ? "" : " (step " + p[0] + ")"));
      box.append(line);
    });
    box.hidden = false;
    const wide = box.offsetWidth;
    box.style.left = Math.min(event.clientX + 14, innerWidth - wide - 8) + "px";
    box.style.top = event.clientY + 14 + "px";
  });
}
