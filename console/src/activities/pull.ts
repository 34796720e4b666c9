import { useLayoutEffect, useState } from "preact/hooks";

const FAR_ENOUGH = 72;
const RESISTANCE = 0.45;
const MOST = 96;

/** Pulling the page down at its top, on a touch screen. Answers how far it is pulled, in pixels. */
export function usePull(onRelease: () => void): { pulled: number; farEnough: boolean } {
  const [pulled, setPulled] = useState(0);
  useLayoutEffect(() => {
    let from: number | undefined;
    let distance = 0;
    const start = (event: TouchEvent): void => {
      const inDialog = event.target instanceof Element && event.target.closest("dialog, [popover]");
      from = scrollY <= 0 && event.touches.length === 1 && !inDialog ? event.touches[0]?.clientY : undefined;
      distance = 0;
    };
    const move = (event: TouchEvent): void => {
      const at = event.touches[0]?.clientY;
      if (from === undefined || at === undefined) return;
      distance = scrollY <= 0 ? Math.min(Math.max(0, (at - from) * RESISTANCE), MOST) : 0;
      setPulled(distance);
    };
    const end = (): void => {
      if (distance >= FAR_ENOUGH) onRelease();
      from = undefined;
      distance = 0;
      setPulled(0);
    };
    addEventListener("touchstart", start, { passive: true });
    addEventListener("touchmove", move, { passive: true });
    addEventListener("touchend", end);
    addEventListener("touchcancel", end);
    return () => {
      removeEventListener("touchstart", start);
      removeEventListener("touchmove", move);
      removeEventListener("touchend", end);
      removeEventListener("touchcancel", end);
    };
  }, [onRelease]);
  return { pulled, farEnough: pulled >= FAR_ENOUGH };
}
