import { useEffect, useRef, useState } from "preact/hooks";
import { length } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { LIMITS } from "./precheck";
import css from "./repair.module.css";
import { t } from "./words.repair";

const STEP = 0.1;

/** "1:04.5": minutes, seconds and tenths, as the handles move by tenths. */
function clock(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  return `${length(Math.floor(tenths / 10))}.${tenths % 10}`;
}

type Props = {
  /** Of the whole video, and of the part that is kept, in the file's own time. */
  first: number;
  last: number;
  start: number;
  end: number;
  /** The browser's copy of the file, for the preview. */
  url: string | undefined;
  onChange: (start: number, end: number) => void;
};

/** Two handles on one line. Each is a range input, so arrow keys, Home and End move it. */
export function TrimSlider({ first, last, start, end, url, onChange }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [isSeen, setIsSeen] = useState(true);
  const [isPlaying, setIsPlaying] = useState(false);
  const whole = last - first;
  const least = Math.min(LIMITS.minSeconds, whole);

  const show = (at: number): void => {
    if (video.current) video.current.currentTime = at;
  };
  // A handle that comes too near to the other one, or too far from it, takes it along.
  const moveStart = (to: number): void => {
    const from = Math.min(to, last - least);
    onChange(from, Math.min(Math.max(end, from + least), from + LIMITS.maxSeconds, last));
    show(from);
  };
  const moveEnd = (to: number): void => {
    const until = Math.max(to, first + least);
    onChange(Math.max(Math.min(start, until - least), until - LIMITS.maxSeconds, first), until);
    show(until);
  };
  useEffect(() => show(start), []);

  const play = (): void => {
    const player = video.current;
    if (!player) return;
    if (isPlaying) {
      player.pause();
      return;
    }
    player.currentTime = start;
    void player.play().catch(() => setIsPlaying(false));
  };

  const handle = (label: string, value: number, move: (to: number) => void) => (
    <input
      type="range"
      aria-label={label}
      aria-valuetext={clock(value - first)}
      min={first}
      max={last}
      step={STEP}
      value={value}
      onInput={(event) => move(Number(event.currentTarget.value))}
    />
  );
  return (
    <div class={css.trim} role="group" aria-label={t("part")}>
      {url && isSeen ? (
        <video
          ref={video}
          class={css.preview}
          src={url}
          playsInline
          preload="auto"
          aria-hidden="true"
          tabIndex={-1}
          onError={() => setIsSeen(false)}
          onPlay={() => setIsPlaying(true)}
          onPause={() => setIsPlaying(false)}
          onTimeUpdate={(event) => {
            if (isPlaying && event.currentTarget.currentTime >= end) event.currentTarget.pause();
          }}
        />
      ) : (
        <p class={css.figures}>{t("part_unseen")}</p>
      )}
      <div class={css.slider} style={{ "--from": (start - first) / whole, "--to": (end - first) / whole }}>
        {handle(t("part_start"), start, moveStart)}
        {handle(t("part_end"), end, moveEnd)}
      </div>
      <p class={css.ends}>
        <span>
          {t("part_start")} {clock(start - first)}
        </span>
        <span>{t("part_length", { length: clock(end - start), max: length(LIMITS.maxSeconds) })}</span>
        <span>
          {t("part_end")} {clock(end - first)}
        </span>
      </p>
      {url && isSeen ? (
        <div>
          <Button size="small" icon={isPlaying ? "close" : "play"} onClick={play}>
            {t(isPlaying ? "part_stop" : "part_play")}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
