import { useState } from "preact/hooks";
import { t } from "../words.manager";
import { Button } from "./buttons";
import css from "./conflict.module.css";
import { Dialog } from "./Dialog";

export type Side = "mine" | "theirs";
type Props = {
  /** The fields that both changed. */
  conflicts: string[];
  /** The fields that only the other one changed. */
  taken: string[];
  label: (name: string) => string;
  /** A field's value: in words, as a text of its own, or yes and no. */
  say: (name: string, whose: Side) => unknown;
  onClose: () => void;
  /** With the fields of which theirs is kept. */
  onChosen: (theirs: string[]) => void;
};

/** Somebody else changed this meanwhile: both versions, and a choice where they disagree. */
export default function Conflict({ conflicts, taken, label, say, onClose, onChosen }: Props) {
  const [theirs, setTheirs] = useState<string[]>([]);
  const choose = (name: string, whose: Side): void =>
    setTheirs((now) => [...now.filter((each) => each !== name), ...(whose === "theirs" ? [name] : [])]);
  return (
    <Dialog
      title={t("conflict_title")}
      open
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t("conflict_later")}</Button>
          <Button kind="primary" onClick={() => onChosen(theirs)}>
            {t("conflict_save")}
          </Button>
        </>
      }
    >
      <p>{conflicts.length > 0 ? t("conflict_text") : t("conflict_text_none")}</p>
      <div class={css.versions}>
        {conflicts.map((name) => (
          <fieldset key={name} class={css.version}>
            <legend>{label(name)}</legend>
            {(["mine", "theirs"] as const).map((whose) => (
              <label key={whose} class={css.option}>
                <input
                  type="radio"
                  name={`conflict-${name}`}
                  checked={theirs.includes(name) === (whose === "theirs")}
                  onChange={() => choose(name, whose)}
                />
                <span>
                  <strong>{t(`version_${whose}`)}</strong>
                  <bdi class={css.said}>{inWords(say(name, whose))}</bdi>
                </span>
              </label>
            ))}
          </fieldset>
        ))}
        {taken.map((name) => (
          <div key={name} class={css.version}>
            <strong>{label(name)}</strong>
            <span class={css.said}>
              {t("taken_over")} <bdi>{inWords(say(name, "theirs"))}</bdi>
            </span>
          </div>
        ))}
      </div>
    </Dialog>
  );
}

function inWords(value: unknown): string {
  if (typeof value === "boolean") return t(value ? "said_yes" : "said_no");
  return value === null || value === "" ? t("said_nothing") : String(value);
}
