/** Where the further cuts of a video are chosen, each sent and judged by itself. */
import { useLayoutEffect } from "preact/hooks";
import { IconButton } from "../foundation/ui/buttons";
import forms from "../foundation/ui/forms.module.css";
import { Note } from "../foundation/ui/parts";
import { type Upload, useVerdict } from "../videos/upload";
import { VideoPicker } from "../videos/VideoPicker";
import { type CutUploads, MAX_CUTS, newCut, sentId } from "./cuts";
import css from "./editor.module.css";
import { AddCut } from "./NewActivityScreen";
import { t } from "./words.manager";

type Props = {
  /** Uploads that are cuts already, but for those that are among `uploads`. */
  ids: string[];
  uploads: CutUploads;
  error: string | undefined;
  onAdopted: () => void;
};

export default function Cuts({ ids, uploads, error, onAdopted }: Props) {
  useLayoutEffect(() => {
    if (ids.length === 0) return;
    const there = uploads.value.flatMap(sentId);
    const missing = ids.filter((id) => !there.includes(id));
    const known = missing.map((uploadId, at) => {
      const upload = newCut();
      void upload.resume({ name: t("cut_number", { count: at + 2 }), uploadId });
      return upload;
    });
    uploads.value = [...known, ...uploads.value];
    onAdopted();
  }, [ids.join()]);
  const remove = (upload: Upload): void => {
    upload.forget();
    uploads.value = uploads.value.filter((each) => each !== upload);
    // The button that was pressed is gone.
    requestAnimationFrame(() => document.querySelector<HTMLElement>("#add-cut button")?.focus());
  };
  return (
    <section class={css.plain} aria-label={t("section_cuts")}>
      <h2>{t("section_cuts")}</h2>
      <p class={forms.muted}>{t("cuts_hint")}</p>
      {uploads.value.map((upload, at) => (
        <Cut key={keyOf(upload)} number={at + 2} upload={upload} onRemove={() => remove(upload)} />
      ))}
      {error ? (
        <Note tone="bad" alert>
          {error}
        </Note>
      ) : null}
      {uploads.value.length + 1 < MAX_CUTS ? (
        <AddCut uploads={uploads} />
      ) : (
        <p class={forms.muted}>{t("cuts_most", { limit: MAX_CUTS })}</p>
      )}
    </section>
  );
}

const keys = new WeakMap<Upload, number>();
let made = 0;

function keyOf(upload: Upload): number {
  const key = keys.get(upload) ?? ++made;
  keys.set(upload, key);
  return key;
}

function Cut({ number, upload, onRemove }: { number: number; upload: Upload; onRemove: () => void }) {
  const state = upload.state.value;
  const verdict = useVerdict(state.stage === "sent" ? state.uploadId : undefined);
  return (
    <div class={css.cut} role="group" aria-label={t("cut_number", { count: number })}>
      <h3>{t("cut_number", { count: number })}</h3>
      <IconButton icon="trash" size="small" label={t("remove_cut", { count: number })} onClick={onRemove} />
      <div>
        <VideoPicker upload={upload} verdict={verdict} further />
      </div>
    </div>
  );
}
