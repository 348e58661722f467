import type { Connection } from "../../provider.ts"
import type { HostClient } from "../host/kind.ts"
import type { SshOptions } from "../host/ssh-line.ts"
import type { GivenLogin } from "./given-logins.ts"
import type { EngineTls } from "./tls.ts"

/** How a Docker Engine is reached. */
export interface EngineOptions {
  /** Stored in state beside what was made through it. Default: the host or the context, else "docker". */
  readonly name?: string
  /**
   * Where it is: `unix:///path`, `tcp://host:2376`, `ssh://user@host`, or the connection to the host that it runs on. Default, as for
   * the docker command: `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of config.json, `/var/run/docker.sock`.
   */
  readonly host?: string | Connection<HostClient>
  /** A context of the docker command, in the place of `host`. */
  readonly context?: string
  /** For `tcp://`. Default: as `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` say, where `host` is `DOCKER_HOST`. */
  readonly tls?: EngineTls
  /** For `ssh://`: what ssh_config does not say. */
  readonly ssh?: Pick<SshOptions, "config" | "identityFile" | "user" | "port">
  /** The Engine's socket on a host that is reached over ssh. Default `/var/run/docker.sock`. */
  readonly socket?: string
  /** Credentials of registries, before those of config.json. */
  readonly registries?: Readonly<Record<string, GivenLogin>>
  /** The folder of the docker command. Default: `DOCKER_CONFIG`, else `~/.docker`. */
  readonly configFolder?: string
  /** Most changes under way at once. Default 16. */
  readonly concurrent?: number
  /** Words by which `--limit` chooses it, besides its name. */
  readonly tags?: readonly string[]
}
