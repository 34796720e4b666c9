/** Settings: the disclosure that new activities ask for in TikTok, and when managers are warned of reuse. */
import { KINDS, settingWords } from "../activities/DisclosureFields";
import { t as activities } from "../activities/words.manager";
import type { Schemas } from "../foundation/api/client";
import { Select, TextField } from "../foundation/ui/fields";
import { t } from "../performances/words.manager";

type Fields = Pick<Schemas["ProgramSettings"], "content_disclosure" | "reuse_warning_above">;
type Props = { fields: Fields; error: string | undefined; onChange: (changed: Partial<Fields>) => void };

const MAX_REUSE = 100_000;

export default function DisclosureSettings({ fields, error, onChange }: Props) {
  return (
    <>
      <Select
        label={activities("field_setting")}
        hint={t("setting_hint")}
        value={fields.content_disclosure}
        onChange={(event) => onChange({ content_disclosure: event.currentTarget.value as Fields["content_disclosure"] })}
      >
        {KINDS.map((each) => (
          <option key={each} value={each} selected={each === fields.content_disclosure}>
            {settingWords(each)}
          </option>
        ))}
      </Select>
      <TextField
        type="number"
        min={0}
        max={MAX_REUSE}
        label={t("reuse_above")}
        hint={t("reuse_hint")}
        inputMode="numeric"
        value={fields.reuse_warning_above}
        error={error}
        onInput={(event) => onChange({ reuse_warning_above: Number(event.currentTarget.value) })}
      />
    </>
  );
}
