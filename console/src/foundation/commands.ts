/** What the command menu offers besides the screens: actions that the screen in sight registers. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { IconName } from "./ui/Icon";

export type Command = { id: string; label: string; icon: IconName; run: () => void; hint?: string };

export const offered = signal<Command[]>([]);

/** Offers these as long as the component is on the screen. */
export function useCommands(commands: Command[]): void {
  const latest = useRef(commands);
  latest.current = commands;
  const text = commands.map(({ id, label }) => `${id} ${label}`).join("\n");
  useEffect(() => {
    const own = latest.current.map((command) => ({
      ...command,
      // What is done is what the screen would do now, not when it was offered.
      run: () => latest.current.find(({ id }) => id === command.id)?.run(),
    }));
    offered.value = [...offered.value, ...own];
    return () => {
      offered.value = offered.value.filter((each) => !own.includes(each));
    };
  }, [text]);
}
