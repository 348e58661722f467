import { invalid } from "./raw.ts"

/**
 * The data of a YAML text, as Ansible's own reader has it (YAML 1.1: `yes` is true). What has a tag of Ansible's is its text.
 * The package is imported at the first YAML file: who has none does not wait for it.
 * @throws FettleError `INVENTORY_INVALID` with the line
 */
export async function yamlData(text: string, where: string): Promise<unknown> {
  const { LineCounter, parseDocument } = await import("yaml")
  const lines = new LineCounter()
  const document = parseDocument(text, { version: "1.1", merge: true, logLevel: "silent", lineCounter: lines })
  const [error] = document.errors
  if (error !== undefined)
    throw invalid(
      `${where}:${lines.linePos(error.pos[0]).line}`,
      error.message.split("\n")[0]?.replace(/ at line.*/, "") ?? "",
    )
  try {
    return document.toJS() // where aliases multiply without end, it throws
  } catch (thrown) {
    throw invalid(where, thrown instanceof Error ? thrown.message : String(thrown))
  }
}
