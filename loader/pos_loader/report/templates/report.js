// Shows what a mark of a chart stands for, beside the pointer.
const tip = document.getElementById("tip");
document.addEventListener("pointermove", (event) => {
  const mark = event.target.closest?.("[data-tip]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.tip;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${event.clientY > innerHeight - 80 ? event.clientY - tip.offsetHeight - 12 : event.clientY + 16}px`;
});
document.addEventListener("pointerleave", () => { tip.hidden = true; });
