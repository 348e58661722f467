import { join } from "node:path"
import { fileHome } from "../../src/state/file-home.ts"
import { testFolder } from "../support/runs.ts"
import { storeContract } from "../support/store-contract.ts"

const folders = new Map<string, string>()

storeContract((name) => {
  const folder = folders.get(name) ?? testFolder()
  folders.set(name, folder)
  return fileHome(join(folder, "state.db"))
})
