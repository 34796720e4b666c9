import { useState } from "preact/hooks";
import { fieldWords } from "../foundation/problem_words";
import { asProblem } from "../foundation/api/problems";
import { Radio, TextField } from "../foundation/ui/fields";
import { FormDialog } from "../foundation/ui/forms";
import forms from "../foundation/ui/forms.module.css";
import { ErrorNote } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import type { ChannelView } from "./manager_queries";
import { t } from "./words.manager";

type Kind = ChannelView["kind"];
type Props = {
  title: string;
  confirm: string;
  name?: string;
  /** Of a new channel; it cannot be changed later. */
  asksKind?: boolean;
  onClose: () => void;
  onSave: (name: string, kind: Kind) => Promise<unknown>;
};

/** Names a channel or a campaign, new or not. */
export function NameDialog({ title, confirm, name: before = "", asksKind, onClose, onSave }: Props) {
  const [name, setName] = useState(before);
  const [kind, setKind] = useState<Kind>("public");
  const { busy, error, run } = useRequest();
  const [missing, setMissing] = useState(false);
  const taken = error !== undefined && asProblem(error).code === "name_taken";
  const save = async (): Promise<void> => {
    setMissing(!name.trim());
    if (!name.trim()) return;
    await run(async () => {
      await onSave(name.trim(), kind);
      onClose();
    });
  };
  return (
    <FormDialog title={title} onClose={onClose} onSubmit={save} submit={confirm} busy={busy}>
      <TextField
        label={t("name")}
        dir="auto"
        autofocus
        autocomplete="off"
        maxLength={100}
        value={name}
        error={missing ? t("name_missing") : taken ? t("name_taken") : fieldWords(error, "name")}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      {asksKind ? (
        <fieldset class={forms.fieldset}>
          <legend class={forms.legend}>{t("kind")}</legend>
          <Radio name="kind" label={t("kind_public")} hint={t("kind_public_hint")} checked={kind === "public"} onChange={() => setKind("public")} />
          <Radio name="kind" label={t("kind_private")} hint={t("kind_private_hint")} checked={kind === "private"} onChange={() => setKind("private")} />
        </fieldset>
      ) : null}
      {error && !taken && !fieldWords(error, "name") ? <ErrorNote error={error} /> : null}
    </FormDialog>
  );
}
