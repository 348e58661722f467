/** What the program of the demo does, in its order. */
export const STEPS = ["order", "payment", "parcel", "receipt"] as const

/** The program that the demo kills in the middle. */
export const crashProgram = `import { check, command, program, resource } from "fettle"
import * as host from "fettle/host"

/** Each step adds its line to the ledger: one that was made twice would stand there twice. */
export default program("demo", {}, () => {
  const here = host.local()
  const folder = \`\${import.meta.dirname}/shop\`
  const shop = resource(host.directory, "shop", { path: folder }, { on: here })
  const step = (name: string, after: object) =>
    resource(host.command, name, { name, script: \`echo \${name} >> ledger; sleep 1\`, cwd: folder }, { on: here, after: [after as typeof shop] })
  const order = step("order", shop)
  const payment = step("payment", order)
  const parcel = step("parcel", payment)
  const receipt = step("receipt", parcel)
  check("each step once", command.succeeds(["sh", "-c", \`test -z "$(sort \${folder}/ledger | uniq -d)"\`]), { after: [receipt] })
})
`
