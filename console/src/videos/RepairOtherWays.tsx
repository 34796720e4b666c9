import css from "./repair.module.css";
import { t } from "./words.repair";

/** How a QuickTime file becomes an MP4 elsewhere; a click away where it can be repaired here. */
export default function RepairOtherWays({ folded }: { folded: boolean }) {
  return (
    <details class={css.help} open={!folded}>
      <summary>{t("mov_title")}</summary>
      <ul>
        <li>{t("mov_mac")}</li>
        <li>{t("mov_windows")}</li>
        <li>{t("mov_phone")}</li>
        <li>{t("mov_anywhere")}</li>
      </ul>
    </details>
  );
}
