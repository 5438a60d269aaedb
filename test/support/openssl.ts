/** Hashes and signatures by a program that shares no code with this one. */
import { execFileSync } from 'node:child_process'

/** RFC 2104 with SHA-256, of UTF-8 text or bytes. */
export function opensslHmac(key: string | Buffer, message: string | Buffer): Buffer {
  const hexKey = Buffer.from(key).toString('hex')
  return openssl(['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${hexKey}`, '-binary'], message)
}

export function opensslHash(algorithm: 'md5' | 'sha256', message: string): Buffer {
  return openssl(['dgst', `-${algorithm}`, '-binary'], message)
}

function openssl(args: readonly string[], input: string | Buffer): Buffer {
  return execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'ignore'] })
}
