import { useMe } from "../me/queries";
import { useManagedCampaigns, useProgram } from "../programs/manager_queries";
import { zone } from "../foundation/time";
import forms from "../foundation/ui/forms.module.css";
import { toast } from "../foundation/ui/toasts";
import { FeedCard } from "./FeedCard";
import css from "./editor.module.css";
import { disclosureLine, type Fields, instantOf } from "./form";
import { postText, readHashtags } from "./post_text";
import type { FeedItem } from "./queries";
import { t } from "./words.manager";

type Video = FeedItem["video"];

/** As most are, until it is known. */
const UNKNOWN: Video = {
  container: "mp4",
  codec: "h264",
  size_bytes: 0,
  duration_seconds: 0,
  width: 1080,
  height: 1920,
  frame_rate: null,
  has_audio: true,
  preview_url: null,
  preview_expires_at: null,
};

/** The card as a member gets it, made of what stands in the form now. */
export function CardPreview({ id, fields, video }: { id: string; fields: Fields; video?: Partial<Video> | undefined }) {
  const own = useProgram().data?.disclosure ?? "";
  const campaign = useManagedCampaigns().data?.find((each) => each.campaign_id === fields.campaign)?.name;
  const connected = useMe().data?.tiktok_account?.status === "connected";
  const { hashtags } = readHashtags(fields.hashtags);
  const line = disclosureLine(fields.disclosure) ?? own;
  const item: FeedItem = {
    activity_id: id,
    network: "tiktok_video",
    instructions: fields.instructions.trim() || t("preview_instructions"),
    points: Number(fields.points) || 0,
    posted_bonus: Number(fields.bonus) || 0,
    featured: fields.featured,
    campaign_id: fields.campaign || null,
    video: { ...UNKNOWN, ...video, preview_expires_at: null },
    caption: postText(fields.captions[0] ?? "", hashtags, line) || null,
    disclosure_steps: { content_disclosure: "none", ai_generated: false, toggles: [], version: null, text: null },
    ends_at: instantOf(fields.ends, zone.value),
    ends_at_local: null,
    action: { kind: connected ? "send_to_tiktok" : "add_account_and_send", label: "", reminder: "" },
  };
  return (
    <section class={css.side} aria-label={t("preview")}>
      <h2>{t("preview")}</h2>
      {/* Without a video nothing in it does anything; with one it plays. */}
      <div class={css.preview} inert={!video?.preview_url}>
        <FeedCard key={video?.preview_url} item={item} campaign={campaign} onSend={only} onDismiss={only} />
      </div>
      {fields.captions.filter((each) => each.trim()).length > 1 ? <p class={forms.muted}>{t("preview_captions")}</p> : null}
      {fields.cuts.length > 0 ? <p class={forms.muted}>{t("preview_cuts", { count: fields.cuts.length + 1 })}</p> : null}
    </section>
  );
}

function only(): void {
  toast(t("preview_only"));
}
