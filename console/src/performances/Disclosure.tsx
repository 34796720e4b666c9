import { useEffect, useRef } from "preact/hooks";
import type { Schemas } from "../foundation/api/client";
import { Checkbox } from "../foundation/ui/fields";
import { Note } from "../foundation/ui/parts";
import css from "./performances.module.css";
import { t } from "./words";

export type Steps = Schemas["DisclosureView"];

/** The settings to switch on in TikTok, a line each. */
export function Toggles({ steps }: { steps: Steps }) {
  return (
    <ul class={css.toggles}>
      {steps.toggles.map((toggle) => (
        <li key={toggle}>{t(`toggle_${toggle}`)}</li>
      ))}
    </ul>
  );
}

/** The text of `Asked.text` in activities/model.py, word for word: it is kept as evidence. */
export function acknowledgement({ content_disclosure: kind, ai_generated: ai }: Steps): string {
  if (kind === "none") return t("acknowledge_ai");
  return ai ? `${t(`acknowledge_${kind}`)} ${t("acknowledge_ai_too")}` : t(`acknowledge_${kind}`);
}

type Props = { steps: Steps; ticked: boolean; missing: boolean; changed?: boolean; onTick: (ticked: boolean) => void };

/** The tick that sending waits for. */
export function Acknowledge({ steps, ticked, missing, changed, onTick }: Props) {
  const box = useRef<HTMLFieldSetElement>(null);
  useEffect(() => {
    if (!missing) return;
    box.current?.querySelector("input")?.focus();
    // On a phone the words below the tick would be out of sight.
    box.current?.scrollIntoView({ block: "nearest" });
  }, [missing]);
  return (
    <fieldset ref={box} class={css.disclosure}>
      <legend>{t("disclose_title")}</legend>
      {changed ? <Note tone="warning">{t("disclose_changed")}</Note> : null}
      <p class={css.reason}>{t("disclose_why")}</p>
      <Toggles steps={steps} />
      <Checkbox
        label={acknowledgement(steps)}
        checked={ticked}
        aria-invalid={missing ? "true" : undefined}
        onChange={(event) => onTick(event.currentTarget.checked)}
      />
      {missing ? (
        <p class={css.missing} role="alert">
          {t("disclose_missing")}
        </p>
      ) : null}
    </fieldset>
  );
}
