import { useEffect, useRef } from "preact/hooks";
import { copyText } from "../foundation/copy";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { toast } from "../foundation/ui/toasts";
import css from "./performances.module.css";
import { isPhone, tiktokAppLink } from "./tiktok_app";
import { t } from "./words";

/** The text to paste in TikTok, and on phones the way there. */
export function CaptionToCopy({ caption, refused }: { caption: string | null; refused?: boolean }) {
  const text = useRef<HTMLTextAreaElement>(null);
  const select = (): void => {
    text.current?.focus();
    text.current?.select();
    toast(t("caption_by_hand"));
  };
  useEffect(() => {
    if (refused) select();
  }, [refused]);
  const copy = async (): Promise<void> => {
    if (caption && (await copyText(caption))) {
      toast(t("caption_copied"));
      return;
    }
    select();
  };
  return (
    <div class={css.caption}>
      {caption ? (
        <>
          <textarea
            ref={text}
            class={css.captionText}
            readOnly
            dir="auto"
            rows={Math.min(6, caption.split("\n").length + 1 + Math.floor(caption.length / 60))}
            value={caption}
            aria-label={t("your_caption")}
          />
          <Button kind="primary" wide icon="copy" onClick={() => void copy()}>
            {t("copy_caption")}
          </Button>
        </>
      ) : null}
      {isPhone() ? (
        <LinkButton kind="secondary" wide icon="external" href={tiktokAppLink()} rel="noreferrer">
          {t("open_tiktok")}
        </LinkButton>
      ) : null}
    </div>
  );
}
