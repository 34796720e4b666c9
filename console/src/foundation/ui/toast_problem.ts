import { asProblem } from "../api/problems";
import { copyText } from "../copy";
import { problemWords } from "../problem_words";
import { t } from "../t";
import { toast } from "./toasts";

/** What went wrong in a short word that goes away by itself, with the reference to name when asking for help. */
export function toastProblem(error: unknown): void {
  const words = problemWords(error);
  const { correlationId: id } = asProblem(error);
  if (!id) return toast(words);
  toast(`${words} ${t("reference")}: ${id}`, { label: t("copy"), run: () => void copyText(id) });
}
