/**
 * The animation of a playground: it draws once when it is woken, and on every frame of the screen while it plays,
 * unless it is out of sight.
 *
 * @param {HTMLElement} element that is watched for its size and for being in sight
 * @param {object} doing
 * @param {(seconds: number) => void} doing.advance called before a frame is drawn while it plays
 * @param {(now: number) => void} doing.draw called on each frame, with the milliseconds of the frame
 * @param {(playing: boolean) => void} doing.changed called when it starts to play, and when it stops
 * @param {AbortSignal} signal ends it
 * @returns {{ wake: Function, play: Function, pause: Function, playing: () => boolean, frames: () => number }}
 */
export function makeClock(element, { advance, draw, changed }, signal) {
  let [playing, inSight, request, before, frames] = [false, true, null, null, 0];
  const wake = () => {
    if (!signal.aborted) {
      request ??= requestAnimationFrame(tick);
    }
  };
  const tick = (now) => {
    request = null;
    if (playing && inSight) {
      advance(before === null ? 0 : Math.min(0.1, (now - before) / 1000));
      before = now;
      wake();
    }
    draw(now);
    frames += 1;
  };
  const turn = (on) => {
    [playing, before] = [on && !signal.aborted, null];
    changed(on);
    wake();
  };
  const sized = new ResizeObserver(wake);
  sized.observe(element);
  const seen = new IntersectionObserver((entries) => {
    [inSight, before] = [entries.at(-1).isIntersecting, null];
    wake();
  });
  seen.observe(element);
  signal.addEventListener("abort", () => {
    playing = false;
    sized.disconnect();
    seen.disconnect();
    cancelAnimationFrame(request);
  });
  return { wake, play: () => turn(true), pause: () => turn(false), playing: () => playing, frames: () => frames };
}
