import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../foundation/ui/Icon";
import css from "./editor.module.css";
import type { ActivityView } from "./form";

/** The first picture of a video, fetched once it is in sight. */
export function Thumb({ video }: { video: ActivityView["video"] }) {
  const box = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  const url = video?.preview_url;
  // A list that is read again brings new addresses of the same videos.
  const first = useRef(url);
  first.current ??= url;
  useEffect(() => {
    if (!box.current || !url || seen) return;
    const watching = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true));
    watching.observe(box.current);
    return () => watching.disconnect();
  }, [url, seen]);
  if (seen && first.current) {
    return (
      <video class={css.thumb} src={`${first.current}#t=0.5`} muted playsInline preload="metadata" tabIndex={-1} aria-hidden="true" />
    );
  }
  return (
    <span ref={box} class={`${css.thumb} ${css.noThumb}`} aria-hidden="true">
      <Icon name="activities" size={18} />
    </span>
  );
}
