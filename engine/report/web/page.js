"use strict";
const byName = (name) => document.getElementById(name);
const [wipe, left, frame, number, play] = ["wipe", "left", "frame", "number", "play"].map(byName);
let running = 0;

function show() {
  wipe.style.setProperty("--frame", frame.value);
  number.textContent = "frame " + (Number(number.dataset.start) + Number(frame.value));
}
function stop() {
  clearInterval(running);
  running = 0;
  play.textContent = "Play";
}
byName("place").addEventListener("input", (event) => wipe.style.setProperty("--at", event.target.value + "%"));
frame.addEventListener("input", () => { stop(); show(); });
byName("which").addEventListener("change", (event) => {
  left.className = "film left " + event.target.value;
  byName("left-name").textContent = event.target.selectedOptions[0].textContent;
});
play.addEventListener("click", () => {
  if (running) { stop(); return; }
  play.textContent = "Stop";
  running = setInterval(() => {
    frame.value = Number(frame.value) < Number(frame.max) ? Number(frame.value) + 1 : 0;
    show();
  }, 1000 / RATE);
});
show();
document.body.dataset.ready = "yes";
