/** The form of a reward, and beside it the card that members get. */
import { useRef, useState } from "preact/hooks";
import { Audience, Window } from "../activities/ActivityFields";
import editor from "../activities/editor.module.css";
import { number, zone } from "../foundation/time";
import { readWallClock } from "../foundation/wall_clock";
import { Button } from "../foundation/ui/buttons";
import { TextArea, TextField } from "../foundation/ui/fields";
import forms from "../foundation/ui/forms.module.css";
import { Note } from "../foundation/ui/parts";
import { problemWords } from "../foundation/problem_words";
import { type FieldErrors, type Fields, MAX_DESCRIPTION, MAX_NUMBER, MAX_TITLE } from "./form";
import { PictureUnfit, sendPicture } from "./picture";
import { RewardCard, RewardPicture } from "./RewardCard";
import css from "./rewards.module.css";
import { t } from "./words.manager";

type Props = { fields: Fields; errors: FieldErrors; onChange: (changed: Partial<Fields>) => void };
type Pictured = Props & { url: string | null; onPicture: (url: string | null) => void };

export function RewardFields({ taken, ...props }: Pictured & { taken: number }) {
  const { fields, errors, onChange } = props;
  return (
    <>
      <section class={forms.section}>
        <h2>{t("section_what")}</h2>
        <TextField
          label={t("title")}
          dir="auto"
          required
          maxLength={MAX_TITLE}
          value={fields.title}
          error={errors.title}
          onInput={(event) => onChange({ title: event.currentTarget.value })}
        />
        <TextArea
          label={t("description")}
          hint={t("description_hint")}
          optional
          dir="auto"
          rows={3}
          maxLength={MAX_DESCRIPTION}
          value={fields.description}
          error={errors.description}
          onInput={(event) => onChange({ description: event.currentTarget.value })}
        />
        <PictureField {...props} />
      </section>
      <section class={forms.section}>
        <h2>{t("section_price")}</h2>
        <div class={editor.pair}>
          <TextField
            label={t("price")}
            hint={t("price_hint")}
            inputMode="numeric"
            autocomplete="off"
            required
            value={fields.price}
            max={MAX_NUMBER}
            error={errors.price}
            onInput={(event) => onChange({ price: event.currentTarget.value })}
          />
          <TextField
            label={t("stock")}
            hint={taken > 0 ? t("stock_hint_taken", { count: taken }) : t("stock_hint")}
            optional
            inputMode="numeric"
            autocomplete="off"
            value={fields.stock}
            error={errors.stock}
            onInput={(event) => onChange({ stock: event.currentTarget.value })}
          />
          <TextField
            label={t("per_member")}
            hint={t("per_member_hint")}
            optional
            inputMode="numeric"
            autocomplete="off"
            value={fields.perMember}
            error={errors.perMember}
            onInput={(event) => onChange({ perMember: event.currentTarget.value })}
          />
        </div>
      </section>
      <Audience fields={fields} errors={errors} onChange={onChange} />
      <Window fields={fields} errors={errors} onChange={onChange} />
    </>
  );
}

function PictureField({ errors, onChange, url, onPicture }: Pictured) {
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const choose = async (file: File | undefined): Promise<void> => {
    if (!file || busy) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const sent = await sendPicture(file);
      onPicture(sent.url);
      onChange({ picture: sent.id });
    } catch (caught) {
      setFailure(caught instanceof PictureUnfit ? t(`unfit_${caught.code}`) : problemWords(caught));
    } finally {
      setBusy(false);
    }
  };
  return (
    <fieldset class={forms.fieldset}>
      <legend class={forms.legend}>{t("picture")}</legend>
      <div class={css.drop}>
        <RewardPicture url={url} />
        <div>
          <p class={css.muted}>{t("picture_hint")}</p>
          <input
            ref={input}
            type="file"
            hidden
            accept="image/jpeg,image/png"
            onChange={(event) => {
              void choose(event.currentTarget.files?.[0]);
              event.currentTarget.value = "";
            }}
          />
          <span class={css.buttons}>
            <Button size="small" icon="upload" busy={busy} onClick={() => input.current?.click()}>
              {t(url ? "picture_another" : "picture_choose")}
            </Button>
            {url ? (
              <Button
                size="small"
                kind="quiet"
                icon="trash"
                onClick={() => {
                  onPicture(null);
                  onChange({ picture: "" });
                }}
              >
                {t("picture_remove")}
              </Button>
            ) : null}
          </span>
        </div>
      </div>
      {failure ?? errors.picture ? (
        <Note tone="bad" alert>
          {failure ?? errors.picture}
        </Note>
      ) : null}
    </fieldset>
  );
}

/** The card as a member gets it, made of what stands in the form now. */
export function RewardPreview({ fields, url, taken }: { fields: Fields; url: string | null; taken: number }) {
  const ends = readWallClock(fields.ends, zone.value);
  const stock = Number(fields.stock);
  const price = Number(fields.price) || 0;
  const reward = {
    title: fields.title.trim() || t("preview_title"),
    description: fields.description.trim(),
    price,
    left: fields.stock.trim() && !Number.isNaN(stock) ? Math.max(stock - taken, 0) : null,
    per_member: Number(fields.perMember) || null,
    ends_at: ends.kind === "instant" ? new Date(ends.at).toISOString() : null,
    picture: url,
  };
  return (
    <section class={editor.side} aria-label={t("preview")}>
      <h2>{t("preview")}</h2>
      <div class={editor.preview} inert>
        <RewardCard
          reward={reward}
          foot={
            <Button kind="primary" wide icon="gift">
              {t("preview_redeem", { price: number(price) })}
            </Button>
          }
        />
      </div>
    </section>
  );
}
