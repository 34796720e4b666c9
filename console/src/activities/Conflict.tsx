import { later } from "../foundation/later";
import { dateTime, zone } from "../foundation/time";
import { useManagedCampaigns, useManagedChannels } from "../programs/manager_queries";
import { settingWords } from "./DisclosureFields";
import { type FieldName, type Fields, instantOf } from "./form";
import { merge } from "./merge";
import { t } from "./words.manager";

const Both = later(() => import("../foundation/ui/Conflict"));

type Props = {
  base: Fields;
  mine: Fields;
  theirs: Fields;
  onClose: () => void;
  onMerged: (fields: Fields) => void;
};

/** Both versions of an activity that somebody else changed meanwhile. */
export default function Conflict({ base, mine, theirs, onClose, onMerged }: Props) {
  const { merged, conflicts, theirs: taken } = merge(base, mine, theirs);
  const say = useSay();
  return (
    <Both
      conflicts={conflicts}
      taken={taken}
      label={(name) => t(`field_${name as FieldName}`)}
      say={(name, whose) => say(name as FieldName, whose === "mine" ? mine : theirs)}
      onClose={onClose}
      onChosen={(chosen) => onMerged({ ...merged, ...Object.fromEntries((chosen as FieldName[]).map((name) => [name, theirs[name]])) })}
    />
  );
}

/** A field's value as the dialog shows it. */
function useSay(): (name: FieldName, fields: Fields) => unknown {
  const channels = useManagedChannels().data ?? [];
  const campaigns = useManagedCampaigns().data ?? [];
  return (name, fields) => {
    switch (name) {
      case "captions":
        return fields.captions.filter(Boolean).join("\n\n");
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
        return fields[name];
      case "starts":
      case "ends": {
        const instant = instantOf(fields[name], zone.value);
        return instant && dateTime(instant);
      }
      default:
        return fields[name];
    }
  };
}
