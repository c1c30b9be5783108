// Draws the curves of a reading series while it is typed, one small plot for each channel, with its limits and, dashed,
// the curve of the last time; adds rows.
"use strict";

(() => {
  const HEIGHT = 120;
  const rows = () => [...document.querySelectorAll(".readings>tbody>tr")];
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Returns [seconds, readings] in order of time, from pairs of texts; what is no number yet is left out.
  function curve(pairs) {
    const points = pairs
      .filter(([t, value]) => t.trim() !== "" && value.trim() !== "")
      .map((pair) => pair.map(Number))
      .filter((pair) => pair.every(Number.isFinite))
      .sort((one, other) => one[0] - other[0]);
    return [points.map((point) => point[0]), points.map((point) => point[1])];
  }

  function typed(channel) {
    return curve(rows().map((row) => ["t", channel].map((name) => row.querySelector(`[name="${name}"]`).value)));
  }

  function level(limit, times) {
    return limit === "" ? [] : [[times[0], times.at(-1)], [Number(limit), Number(limit)]];
  }

  function draw(box) {
    const earlier = curve(JSON.parse(box.dataset.earlier || "[]").map((point) => [point.t_s, point.value]));
    const current = typed(box.dataset.channel);
    const times = [...current[0], ...earlier[0]].sort((one, other) => one - other);
    box.replaceChildren();
    if (!times.length) return;
    const ends = times[0] === times.at(-1) ? [times[0], times[0] + 1] : [times[0], times.at(-1)];
    const lines = [
      { data: earlier, stroke: color("--soft"), dash: [5, 5], width: 2 },
      { data: level(box.dataset.low, ends), stroke: color("--bad"), width: 1 },
      { data: level(box.dataset.high, ends), stroke: color("--bad"), width: 1 },
      { data: current, stroke: color("--act"), width: 3, points: { show: true, size: 7, fill: color("--act") } },
    ].filter((line) => line.data.length && line.data[0].length);
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const plot = new uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [{ ...axis, size: 24 }, { ...axis, size: 52 }],
        series: [{}, ...lines.map(({ data, ...look }) => ({ points: { show: false }, spanGaps: true, ...look }))],
      },
      uPlot.join(lines.map((line) => line.data)),
      box,
    );
    box.dataset.drawn = String(plot.series.length - 1);
  }

  const boxes = [...document.querySelectorAll(".plot")];
  const drawAll = () => boxes.forEach(draw);

  document.querySelector("[data-add-row]")?.addEventListener("click", (event) => {
    const last = rows().at(-1);
    const next = last.cloneNode(true);
    for (const input of next.querySelectorAll("input")) {
      const label = input.getAttribute("aria-label");
      input.setAttribute("aria-label", label.replace(/\d+$/, rows().length + 1));
      input.value = input.name === "t" ? Number(input.value || 0) + Number(event.target.dataset.step) : "";
    }
    last.after(next);
    next.querySelectorAll("input")[1].focus();
  });
  document.querySelector(".readings")?.addEventListener("input", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", drawAll);
  drawAll();
})();
