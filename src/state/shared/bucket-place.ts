import type { BucketLogin } from "../../connect/bucket.ts"
import { FettleError } from "../../errors.ts"

/** Where a bucket is, from its address: s3://bucket/prefix?region=eu-central-1, and for others than Amazon endpoint=https://… */
export function bucketLogin(
  address: string,
  env: (name: string) => string | undefined,
  answerMs: number,
): { readonly login: BucketLogin; readonly name: string; readonly prefix: string } {
  const [, bucket = "", path = "", query = ""] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(address) ?? []
  if (bucket === "") throw new FettleError("STORE_INVALID", "the address of the store is not s3://bucket/prefix")
  const params = new URLSearchParams(query)
  for (const key of params.keys())
    if (!["endpoint", "region", "lease"].includes(key))
      throw new FettleError("STORE_INVALID", `s3://${bucket} knows no ${JSON.stringify(key)}`)
  const region = params.get("region") ?? env("AWS_REGION") ?? env("AWS_DEFAULT_REGION") ?? "us-east-1"
  const endpoint = params.get("endpoint") ?? env("AWS_ENDPOINT_URL_S3") ?? env("AWS_ENDPOINT_URL")
  const url = endpoint === undefined ? amazons(bucket, region) : `${checked(endpoint)}/${bucket}`
  const prefix = path === "" || path.endsWith("/") ? path : `${path}/`
  const login = { url, region, answerMs, ...credentials(env), sessionToken: env("AWS_SESSION_TOKEN") }
  const name = `s3://${bucket}/${prefix}${endpoint === undefined ? "" : ` at ${new URL(endpoint).host}`}`
  return { login, name, prefix }
}

function amazons(bucket: string, region: string): string {
  const host = `s3.${region}.amazonaws.com`
  return bucket.includes(".") ? `https://${host}/${bucket}` : `https://${bucket}.${host}` // a dot fits no certificate
}

/** Names that lead to this machine: nobody is in between who could listen. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

function checked(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "")
    throw new FettleError("STORE_INVALID", "endpoint is not https://host")
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname))
    throw new FettleError("STORE_INVALID", `endpoint ${url.host} is without TLS, and not on this machine`, {
      next: "give an https:// endpoint",
    })
  return url.href.replace(/\/$/, "")
}

function credentials(env: (name: string) => string | undefined): Pick<BucketLogin, "accessKeyId" | "secretAccessKey"> {
  const [accessKeyId, secretAccessKey] = [env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")]
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey }
  throw new FettleError("STORE_INVALID", "there are no credentials for the bucket", {
    next: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where they are of a session",
  })
}
