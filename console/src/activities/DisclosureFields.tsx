/** The disclosure members switch on in TikTok, and a warning if too many get the same video or caption. */
import type { Schemas } from "../foundation/api/client";
import { Select, Switch } from "../foundation/ui/fields";
import forms from "../foundation/ui/forms.module.css";
import { Note } from "../foundation/ui/parts";
import { useProgram } from "../programs/manager_queries";
import { MAX_CUTS } from "./cuts";
import type { Fields } from "./form";
import { t } from "../performances/words.manager";
import { useReuse } from "./manager_queries";
import { t as own } from "./words.manager";

export const KINDS: Schemas["ContentDisclosure"][] = ["your_brand", "branded_content", "none"];
const TIKTOK_PAGE =
  "https://support.tiktok.com/en/business-and-creator/creator-and-business-accounts/promoting-a-brand-product-or-service";

export function settingWords(kind: Schemas["ContentDisclosure"]): string {
  return kind === "none" ? t("setting_none") : t(`kind_${kind}`);
}

type Props = { fields: Fields; onChange: (changed: Partial<Fields>) => void };

export default function DisclosureFields({ fields, onChange }: Props) {
  const kind = fields.setting || useProgram().data?.content_disclosure || "your_brand";
  return (
    <section class={forms.section}>
      <h2>{t("section_tiktok")}</h2>
      <p class={forms.muted}>
        {t("setting_why")}{" "}
        <a href={TIKTOK_PAGE} target="_blank" rel="noreferrer">
          {t("setting_page")}
        </a>
      </p>
      <Select
        label={own("field_setting")}
        value={kind}
        onChange={(event) => onChange({ setting: event.currentTarget.value as Fields["setting"] })}
      >
        {KINDS.map((each) => (
          <option key={each} value={each} selected={each === kind}>
            {settingWords(each)}
          </option>
        ))}
      </Select>
      {kind === "none" ? <Note tone="warning">{t("setting_none_warning")}</Note> : null}
      <Switch
        label={own("field_ai")}
        hint={t("ai_hint")}
        checked={fields.ai}
        onChange={(event) => onChange({ ai: event.currentTarget.checked })}
      />
      <ReuseNote fields={fields} />
    </section>
  );
}

export function ReuseNote({ fields }: { fields: Pick<Fields, "channels" | "captions" | "cuts"> }) {
  const captions = fields.captions.filter((each) => each.trim()).length;
  const reuse = useReuse(fields.channels, captions, Math.min(fields.cuts.length + 1, MAX_CUTS)).data;
  if (!reuse?.video_reused && !reuse?.caption_reused) return null;
  return (
    <Note tone="warning">
      {reuse.video_reused ? <p>{t("reuse_video", { count: reuse.people_per_video, above: reuse.above })}</p> : null}
      {reuse.caption_reused ? <p>{t("reuse_caption", { count: reuse.people_per_caption })}</p> : null}
      <p>
        {t("reuse_setting", { above: reuse.above })} <a href="/manage/program">{t("reuse_change")}</a>
      </p>
    </Note>
  );
}
