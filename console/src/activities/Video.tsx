import { useRef, useState } from "preact/hooks";
import { now } from "../foundation/clock";
import { length } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Icon } from "../foundation/ui/Icon";
import { hue } from "../foundation/ui/parts";
import css from "./feed.module.css";
import { type FeedItem, readOffered } from "./queries";
import { t } from "./words";

type Video = FeedItem["video"];
type State = { kind: "poster" } | { kind: "loading" } | { kind: "playing"; url: string; renewed: boolean } | { kind: "failed" };

const ENOUGH_MS = 60_000;
const PALETTES = 8;

function isGood(video: Video): boolean {
  if (!video.preview_url) return false;
  return !video.preview_expires_at || Date.parse(video.preview_expires_at) - now() > ENOUGH_MS;
}

/**
 * A drawn poster until it is tapped, so that a feed costs no video's bytes; then the video, without
 * sound. Its address lives an hour: one that has lapsed, or fails, is asked for anew once.
 */
export function Video({ activityId, video, instructions }: { activityId: string; video: Video; instructions: string }) {
  const [state, setState] = useState<State>({ kind: "poster" });
  const box = useRef<HTMLDivElement>(null);

  const fetchAndPlay = async (): Promise<void> => {
    setState({ kind: "loading" });
    try {
      const { video: fresh } = await readOffered(activityId);
      setState(fresh.preview_url ? { kind: "playing", url: fresh.preview_url, renewed: true } : { kind: "failed" });
    } catch {
      setState({ kind: "failed" });
    }
  };
  const play = (): void => {
    if (video.preview_url && isGood(video)) setState({ kind: "playing", url: video.preview_url, renewed: false });
    else void fetchAndPlay();
  };
  const shape = video.width >= video.height ? (video.width > video.height ? css.landscape : css.square) : css.portrait;

  return (
    <div ref={box} class={`${css.video} ${shape}`}>
      {state.kind === "playing" ? (
        <video
          class={css.player}
          src={state.url}
          muted
          autoplay
          playsInline
          controls
          loop
          preload="metadata"
          aria-label={t("video_label", { instructions })}
          onError={() => {
            if (state.renewed) setState({ kind: "failed" });
            else void fetchAndPlay();
          }}
          ref={(element) => {
            // Set as a property too: an attribute that a script adds does not mute in every browser.
            if (element) element.muted = true;
          }}
        />
      ) : (
        <>
          <Poster of={activityId} />
          {state.kind === "failed" ? (
            <div class={css.failed} role="alert">
              <p>{t("video_failed")}</p>
              <Button size="small" onClick={() => void fetchAndPlay()}>
                {t("play_again")}
              </Button>
            </div>
          ) : (
            <button
              type="button"
              class={css.play}
              onClick={play}
              aria-label={t("play", { length: length(video.duration_seconds) })}
              aria-busy={state.kind === "loading" ? "true" : undefined}
            >
              <span class={css.playMark}>
                <Icon name="play" size={28} />
              </span>
            </button>
          )}
          {video.duration_seconds > 0 ? (
            <span class={css.length} aria-hidden="true">
              {length(video.duration_seconds)}
            </span>
          ) : null}
        </>
      )}
    </div>
  );
}

/** An empty stage with its lights on, coloured by the activity. */
function Poster({ of }: { of: string }) {
  const light = `light-${of}`;
  return (
    <svg
      class={`${css.poster} ${css[`palette${hue(of) % PALETTES}`] ?? ""}`}
      viewBox="0 0 100 125"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      focusable="false"
    >
      <linearGradient id={light} x1="0" y1="0" x2="0" y2="1">
        <stop offset="0" class={css.bright} />
        <stop offset="1" class={css.dim} />
      </linearGradient>
      <rect width="100" height="125" class={css.wall} />
      <path d="M-2 96h104v31H-2z" class={css.floor} />
      <path d="M14-4h9l71 108H4z" fill={`url(#${light})`} />
      <path d="M86-4h-9L6 104h90z" fill={`url(#${light})`} />
      <ellipse cx="50" cy="104" rx="46" ry="9" class={css.pool} />
      <path d="M-2-2h15c-4 22 3 42-1 64-3 22 2 42-2 65H-2z" class={css.drape} />
      <path d="M102-2H87c4 22-3 42 1 64 3 22-2 42 2 65h12z" class={css.drape} />
      <path d="M4-2c-2 40 3 84 0 129M97-2c2 40-3 84 0 129" class={css.pleat} />
    </svg>
  );
}
