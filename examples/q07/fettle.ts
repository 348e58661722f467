// The part that delivery does: brings one artifact, by name, to a stage, and asks there whether it works.
import { check, command, on, program, resource, text } from "fettle"
import * as host from "fettle/host"

export default program(
  "greet",
  { home: "/tmp/greet", place: "dev", artifact: "greet.mjs" },
  ({ home, place, artifact }) => {
    on(host.local(), () => {
      const folder = resource(host.directory, "folder", { path: `${home}/${place}` })
      const code = resource(host.file, "code", { path: text`${folder.path}/greet.mjs`, source: artifact })
      check("greets", command.succeeds([process.execPath, code.path, "Ann"], { stdout: /Ann/ }))
    })
  },
  { stages: { test: { place: "test" }, prod: { place: "prod" } } },
)
