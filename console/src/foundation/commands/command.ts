import type { IconName } from "../ui/Icon";

export type Command = {
  id: string;
  label: string;
  /** Where it is or what it is about. */
  hint?: string;
  /** Of ours, or as a button on the screen has it. */
  icon: IconName | SVGElement;
  run: () => void;
};

export type Group = { title: string; commands: Command[] };

/** Something that the program has, with its screen and with the screen that has its actions. */
export type Thing = { name: string; at: string };
