import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { copyText } from "../foundation/copy";
import { Button } from "../foundation/ui/buttons";
import { Icon } from "../foundation/ui/Icon";
import { Menu } from "../foundation/ui/Menu";
import { Badge } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { Ends } from "./Ends";
import css from "./feed.module.css";
import type { FeedItem } from "./queries";
import { watchSeen } from "./seen";
import { Video } from "./Video";
import { t } from "./words";

type Props = {
  item: FeedItem;
  campaign?: string | undefined;
  /** Came back to: shown with a frame, scrolled to. */
  found?: boolean;
  onSend: (item: FeedItem) => void;
  onDismiss: (item: FeedItem) => void;
  offline?: boolean;
  /** Whether it counts as seen once it was before the reader's eyes: in a feed, not in a preview. */
  counts?: boolean;
};

export function FeedCard({ item, campaign, found, onSend, onDismiss, offline, counts }: Props) {
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    if (found) card.current?.scrollIntoView({ block: "center" });
  }, [found]);
  useEffect(() => (card.current && counts && !offline ? watchSeen(card.current, item.activity_id) : undefined), [item.activity_id, offline]);
  const heading = `card-${item.activity_id}`;
  const first = item.action.kind === "send_to_tiktok" ? t("send") : t("add_and_send");
  return (
    <article
      ref={card}
      class={[css.card, item.featured && css.featured, found && css.found].filter(Boolean).join(" ")}
      aria-labelledby={heading}
    >
      <div class={css.stage}>
        <Video activityId={item.activity_id} video={item.video} instructions={item.instructions} />
        <div class={css.marks}>
          {item.featured ? (
            <Badge tone="honour" icon="star">
              {t("featured")}
            </Badge>
          ) : null}
          <Ends at={item.ends_at} />
        </div>
      </div>
      <div class={css.body}>
        <div class={css.line}>
          <span class={css.campaign}>{campaign ? <bdi>{campaign}</bdi> : null}</span>
          {item.points > 0 ? (
            <span class={css.points}>
              <Icon name="sparkle" size={16} />
              <span aria-hidden="true">{t("points_plus", { count: item.points })}</span>
              <span class="visually-hidden">{t("points_for_sending", { count: item.points })}</span>
            </span>
          ) : null}
          {item.posted_bonus > 0 ? (
            <span class={css.bonus}>
              <span aria-hidden="true">{t("bonus_plus", { count: item.posted_bonus })}</span>
              <span class="visually-hidden">{t("points_for_posting", { count: item.posted_bonus })}</span>
            </span>
          ) : null}
          <Menu
            label={t("more_actions")}
            class={css.more ?? ""}
            items={[{ label: t("dismiss"), icon: "close", onSelect: () => onDismiss(item), disabled: offline ?? false }]}
          >
            <Icon name="more" />
          </Menu>
        </div>
        <Instructions id={heading} text={item.instructions} />
        {item.caption ? <Caption text={item.caption} /> : null}
        <Button kind="primary" wide icon="send" disabled={offline ?? false} onClick={() => onSend(item)}>
          {first}
        </Button>
      </div>
    </article>
  );
}

/** The manager's words; long ones are folded, never cut off for good. */
function Instructions({ id, text }: { id: string; text: string }) {
  const [open, setOpen] = useState(false);
  const [folds, setFolds] = useState(false);
  const paragraph = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const element = paragraph.current;
    if (element && !open) setFolds(element.scrollHeight > element.clientHeight + 4);
  }, [text, open]);
  return (
    <div>
      <h2 ref={paragraph} id={id} dir="auto" class={open ? css.instructions : `${css.instructions} ${css.folded}`}>
        {text}
      </h2>
      {folds || open ? (
        <button type="button" class={css.fold} aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t("show_less") : t("show_all_text")}
        </button>
      ) : null}
    </div>
  );
}

function Caption({ text }: { text: string }) {
  const copy = async (): Promise<void> => {
    toast((await copyText(text)) ? t("caption_copied") : t("caption_refused"));
  };
  return (
    <div class={css.caption}>
      <p class={css.captionText} dir="auto">
        <span class="visually-hidden">{t("your_caption")}: </span>
        {text}
      </p>
      <button type="button" class={css.copy} aria-label={t("copy_caption")} title={t("copy_caption")} onClick={() => void copy()}>
        <Icon name="copy" size={18} />
      </button>
    </div>
  );
}
