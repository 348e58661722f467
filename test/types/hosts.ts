// Hosts over ssh: what a program may say of the way there.
import { secret } from "fettle"
import * as host from "fettle/host"
import type { Connection } from "fettle/provider"
import { exactly } from "./exactly.ts"

exactly<Connection<host.HostClient>>()(host.ssh("web1"))
host.ssh("deploy@web1", { name: "web", port: 2222, become: "sudo", kex: "fast" })
host.ssh("web1", { become: { by: "sudo", user: "app", password: secret.prompt("sudo") } })
host.ssh("web1", { become: { by: "doas", user: "app" } })

// @ts-expect-error Type 'string' is not assignable to type 'Secret<string>'
host.ssh("web1", { become: { by: "sudo", password: "swordfish" } })
// @ts-expect-error 'password' does not exist in type
host.ssh("web1", { become: { by: "doas", password: secret.prompt("doas") } })
// @ts-expect-error Type '"su"' is not assignable to type
host.ssh("web1", { become: "su" })
// @ts-expect-error Type 'string' is not assignable to type 'number'
host.ssh("web1", { port: "22" })
// @ts-expect-error 'sshOptions' does not exist in type 'SshOptions'
host.ssh("web1", { sshOptions: ["-oProxyCommand=id"] })
