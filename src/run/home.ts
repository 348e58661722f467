import { join } from "node:path"
import { FettleError } from "../errors.ts"
import { DEFAULT_STAGE, type Program } from "../program/program.ts"
import { fileHome } from "../state/file-home.ts"
import type { StateHome } from "../state/home.ts"
import { type RunSetup, stateFile } from "./context.ts"

/** What says where the state of a stage lives. */
export type HomeSetup = Pick<RunSetup, "program" | "stage" | "stateFolder" | "store" | "key" | "secrets">

/** Where the state of a stage lives: as the caller says, else as the program does, else in the folder of state. @throws FettleError `STORE_INVALID` */
export async function homeOf(setup: HomeSetup): Promise<StateHome> {
  const address = setup.store ?? programsOwn(setup)
  if (address === undefined) return fileHome(stateFile(setup))
  return homeAt(address, setup)
}

/** The state of a stage in another place. @throws FettleError `STORE_INVALID` */
export async function homeAt(
  address: string,
  setup: Omit<HomeSetup, "store" | "program"> & { readonly program: Pick<Program, "name"> },
): Promise<StateHome> {
  if (address.startsWith("file:")) return fileHome(stateFile({ ...setup, stateFolder: address.slice("file:".length) }))
  const { openShared } = await import("../state/shared/open-shared.ts")
  const place = `${setup.program.name}.${setup.stage ?? DEFAULT_STAGE}`
  return openShared({ address, place, keys: setup.key, folder: setup.stateFolder, env: setup.secrets.env })
}

/** What a program says stands in its repository. */
function programsOwn({ program, stage, stateFolder }: HomeSetup): string | undefined {
  const { store } = program.options
  const address = typeof store === "object" ? store[stage ?? DEFAULT_STAGE] : store
  if (address !== undefined && /^[^/]*:\/\/[^/?#@:]*:[^/?#@]*@/.test(address))
    throw new FettleError("STORE_INVALID", "a password stands in the `store` of the program", {
      place: program.place,
      next: "leave it out there, and set PGPASSWORD",
    })
  return address?.startsWith("file:") ? `file:${join(stateFolder, "..", address.slice("file:".length))}` : address
}
