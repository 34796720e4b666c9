import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { t } from "../t";
import { Icon } from "./Icon";
import own from "./fields.module.css";
import shared from "./ui.module.css";

const css = { ...shared, ...own };

type FieldProps = {
  label: string;
  hint?: ComponentChildren;
  error?: string | null | undefined;
  optional?: boolean;
  /** Shown under the input, such as a counter. */
  below?: ComponentChildren;
  children: (input: { id: string; "aria-describedby": string | undefined; "aria-invalid": "true" | undefined }) => ComponentChildren;
};

/** A label, a hint, an error, and whatever takes the input, tied together for screen readers. */
export function Field({ label, hint, error, optional, below, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div class={css.field}>
      <label class={css.label} for={id}>
        {label}
        {optional ? <span class={css.optional}> {t("optional")}</span> : null}
      </label>
      {hint ? (
        <div class={css.hint} id={`${id}-hint`}>
          {hint}
        </div>
      ) : null}
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": error ? "true" : undefined })}
      {below}
      {error ? (
        <p class={css.fieldError} id={`${id}-error`}>
          <Icon name="alert" size={16} />
          {error}
        </p>
      ) : null}
    </div>
  );
}

type Common = Omit<FieldProps, "children">;
type InputProps = Common & Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "label">;

export function TextField({ label, hint, error, optional, below, ...rest }: InputProps) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional ?? false} below={below}>
      {(input) => <input type="text" {...rest} {...input} class={css.input} />}
    </Field>
  );
}

export function PasswordField({ label, hint, error, ...rest }: InputProps) {
  const [shown, setShown] = useState(false);
  return (
    <Field label={label} hint={hint} error={error}>
      {(input) => (
        <div class={css.withButton}>
          <input {...rest} {...input} type={shown ? "text" : "password"} class={css.input} autocapitalize="none" spellcheck={false} />
          <button type="button" class={`${css.button} ${css.quiet} ${css.small}`} aria-pressed={shown} onClick={() => setShown(!shown)}>
            {shown ? t("hide_password") : t("show_password")}
          </button>
        </div>
      )}
    </Field>
  );
}

export function TextArea({
  label,
  hint,
  error,
  optional,
  below,
  ...rest
}: Common & Omit<JSX.TextareaHTMLAttributes<HTMLTextAreaElement>, "label">) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional ?? false} below={below}>
      {(input) => <textarea {...rest} {...input} class={css.input} />}
    </Field>
  );
}

export function Select({
  label,
  hint,
  error,
  optional,
  below,
  children,
  ...rest
}: Common & { children: ComponentChildren } & Omit<JSX.SelectHTMLAttributes<HTMLSelectElement>, "label">) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional ?? false} below={below}>
      {(input) => (
        <span class={css.select}>
          <select {...rest} {...input} class={css.input}>
            {children}
          </select>
          <Icon name="down" />
        </span>
      )}
    </Field>
  );
}

type ChoiceProps = { label: ComponentChildren; hint?: ComponentChildren } & Omit<
  JSX.InputHTMLAttributes<HTMLInputElement>,
  "label"
>;

export function Checkbox({ label, hint, ...rest }: ChoiceProps) {
  return (
    <label class={css.choice}>
      <input type="checkbox" {...rest} />
      <span>
        {label}
        {hint ? <span class={`${css.hint}`}> {hint}</span> : null}
      </span>
    </label>
  );
}

export function Radio({ label, hint, ...rest }: ChoiceProps) {
  return (
    <label class={css.choice}>
      <input type="radio" {...rest} />
      <span>
        {label}
        {hint ? <span class={css.hint}> {hint}</span> : null}
      </span>
    </label>
  );
}

export function Switch({ label, hint, ...rest }: ChoiceProps) {
  return (
    <label class={css.choice}>
      <input type="checkbox" role="switch" {...rest} class={css.switch} />
      <span>
        {label}
        {hint ? <span class={css.hint}> {hint}</span> : null}
      </span>
    </label>
  );
}
