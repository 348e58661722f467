import { fileHome } from "../state/file-home.ts"
import type { StateHome } from "../state/home.ts"
import { type RunSetup, stateFile } from "./context.ts"

/** What says where the state of a stage lives. */
export type HomeSetup = Pick<RunSetup, "program" | "stage" | "stateFolder">

/** Where the state of a stage lives. */
export async function homeOf(setup: HomeSetup): Promise<StateHome> {
  return fileHome(stateFile(setup))
}
