import { useState } from "preact/hooks";
import { dateTime, zone } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Dialog } from "../foundation/ui/Dialog";
import { useManagedCampaigns, useManagedChannels } from "../programs/manager_queries";
import { settingWords } from "./DisclosureFields";
import css from "./editor.module.css";
import { type FieldName, type Fields, instantOf, merge } from "./form";
import { t } from "./words.manager";

type Props = {
  base: Fields;
  mine: Fields;
  theirs: Fields;
  onClose: () => void;
  onMerged: (fields: Fields) => void;
};

/** Somebody else changed the activity meanwhile: both versions, and a choice where they disagree. */
export default function Conflict({ base, mine, theirs, onClose, onMerged }: Props) {
  const { merged, conflicts, theirs: taken } = merge(base, mine, theirs);
  const [choices, setChoices] = useState<Partial<Record<FieldName, "mine" | "theirs">>>({});
  const say = useSay();
  const save = (): void => {
    const chosen = conflicts.filter((name) => choices[name] === "theirs").map((name) => [name, theirs[name]]);
    onMerged({ ...merged, ...Object.fromEntries(chosen) });
  };
  return (
    <Dialog
      title={t("conflict_title")}
      open
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t("conflict_later")}</Button>
          <Button kind="primary" onClick={save}>
            {t("conflict_save")}
          </Button>
        </>
      }
    >
      <p>{conflicts.length > 0 ? t("conflict_text") : t("conflict_text_none")}</p>
      <div class={css.versions}>
        {conflicts.map((name) => (
          <fieldset key={name} class={css.version}>
            <legend>{t(`field_${name}`)}</legend>
            {(["mine", "theirs"] as const).map((whose) => (
              <label key={whose} class={css.option}>
                <input
                  type="radio"
                  name={`conflict-${name}`}
                  checked={(choices[name] ?? "mine") === whose}
                  onChange={() => setChoices({ ...choices, [name]: whose })}
                />
                <span>
                  <strong>{whose === "mine" ? t("version_mine") : t("version_theirs")}</strong>
                  <bdi class={css.said}>{say(name, whose === "mine" ? mine : theirs)}</bdi>
                </span>
              </label>
            ))}
          </fieldset>
        ))}
        {taken.map((name) => (
          <div key={name} class={css.version}>
            <strong>{t(`field_${name}`)}</strong>
            <span class={css.said}>
              {t("taken_over")} <bdi>{say(name, theirs)}</bdi>
            </span>
          </div>
        ))}
      </div>
    </Dialog>
  );
}

/** A field's value in words. */
function useSay(): (name: FieldName, fields: Fields) => string {
  const channels = useManagedChannels().data ?? [];
  const campaigns = useManagedCampaigns().data ?? [];
  return (name, fields) => {
    switch (name) {
      case "captions":
        return fields.captions.filter(Boolean).join("\n\n") || t("said_nothing");
      case "disclosure":
        if (fields.disclosure.kind === "own") return fields.disclosure.text;
        return t(fields.disclosure.kind === "none" ? "disclosure_none" : "said_program_line");
      case "channels":
        return (
          channels
            .filter((each) => fields.channels.includes(each.channel_id))
            .map((each) => each.name)
            .join(", ") || t("said_everybody")
        );
      case "campaign":
        return campaigns.find((each) => each.campaign_id === fields.campaign)?.name ?? t("no_campaign");
      case "setting":
        return settingWords(fields.setting || "your_brand");
      case "cuts":
        return t("said_cuts", { count: fields.cuts.length + 1 });
      case "featured":
      case "ai":
        return fields[name] ? t("said_yes") : t("said_no");
      case "starts":
      case "ends": {
        const instant = instantOf(fields[name], zone.value);
        return instant ? dateTime(instant) : t("said_nothing");
      }
      default:
        return fields[name] || t("said_nothing");
    }
  };
}
