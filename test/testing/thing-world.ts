import type { World } from "fettle/testing"
import { world as folderOf, type thing } from "../support/world.ts"

/** The folder of JSON files behind `thing`, as the world that `conforms` asks for. */
export function thingWorld(folder: string): World<typeof thing> {
  const far = folderOf(folder)
  return {
    props: (variant) => ({ folder, name: `thing-${variant}`, value: "one" }),
    change: (props) => ({ ...props, value: "another" }),
    count: () => far.names().length,
    foreign: ({ name }) => far.put(name, { name, value: "theirs", size: 1, serial: 1_000 }),
    refused: (variant) => ({ folder, name: `thing-${variant}`, fails: "there is no room" }),
  }
}
