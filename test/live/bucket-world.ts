import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { moto } from "../../bench/peers/install.mjs"
import { Bucket } from "../../src/connect/bucket.ts"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"

/** Each request by itself once it is read: two at once could both find a condition true, which no S3 allows. */
const SERVE = `
import io, sys, threading
from werkzeug.serving import make_server, WSGIRequestHandler
from moto.server import DomainDispatcherApplication, create_backend_app
WSGIRequestHandler.log_request = lambda *a, **k: None
inner, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()
def app(environ, start):
    environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    with lock:
        return list(inner(environ, start))
make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()
`

/** Where moto is; undefined, and said aloud, where it cannot be installed. */
export function motoFolder(): string | undefined {
  let failed = ""
  try {
    return moto().folder
  } catch (thrown) {
    failed = String(thrown)
  }
  need("moto", { install: `node bench/peers/install.mjs (${failed.slice(0, 300)})`, found: () => false })
  return undefined
}

/** An S3 of a test's own, on loopback, with the bucket `state`. */
export class BucketWorld {
  readonly port: number
  readonly #child: ChildProcess
  readonly env = { AWS_ACCESS_KEY_ID: "an-access-key", AWS_SECRET_ACCESS_KEY: "a secret access key" }

  private constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
  }

  static async start(folder: string): Promise<BucketWorld> {
    const port = await freePort()
    const child = spawn(join(folder, "bin/python"), ["-c", SERVE, String(port)], {
      stdio: ["ignore", "ignore", "inherit"],
    })
    const world = new BucketWorld(port, child)
    for (let tries = 0; ; tries += 1) {
      try {
        await world.bucket().put("", "")
        return world
      } catch (thrown) {
        if (tries > 300 || child.exitCode !== null) throw thrown
        await sleep(100)
      }
    }
  }

  bucket(): Bucket {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = this.env
    const url = `http://127.0.0.1:${this.port}/state`
    return new Bucket({
      url,
      region: "us-east-1",
      accessKeyId,
      secretAccessKey,
      sessionToken: undefined,
      answerMs: 10_000,
    })
  }

  stop(): void {
    this.#child.kill("SIGKILL")
  }
}
