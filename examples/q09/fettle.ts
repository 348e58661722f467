// Two web servers. What each should be is configuration management; that b waits until a has proven itself is orchestration.
import { check, group, http, type Node, on, program, resource, text } from "fettle"
import * as host from "fettle/host"

export default program(
  "web",
  { home: "/tmp/web", portA: 8081, portB: 8082, version: "1" },
  ({ home, portA, portB, version }) => {
    const server = (name: string, port: number, after: Node[]): Node =>
      group(name, () => {
        const folder = resource(host.directory, "folder", { path: `${home}/${name}` })
        const page = resource(host.file, "motd", { path: text`${folder.path}/motd`, content: `this is ${name}\n` })
        const process_ = resource(
          host.process,
          "server",
          {
            command: [process.execPath, `${import.meta.dirname}/server.ts`, String(port), version],
            directory: text`${folder.path}/run`,
            readyAfterMs: 50,
          },
          { after: [page, ...after] },
        )
        const answers = http.get(`http://127.0.0.1:${port}/`, { json: { version } })
        return check("answers", answers, { after: [process_], within: "3s" })
      })
    on(host.local(), () => {
      const first = server("a", portA, [])
      server("b", portB, [first])
    })
  },
)
