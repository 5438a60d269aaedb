/** Certificates made on the spot by openssl, in files that are gone when the test is over. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface MadeCertificate {
  /** Files. */
  readonly cert: string
  readonly key: string
}

const ECDSA = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

/** @param names as in a subject alternative name: `DNS:a.example`, `IP:127.0.0.1` */
export function makeCertificate(
  names: readonly string[] = ['IP:127.0.0.1', 'DNS:localhost'],
  { keyOptions = ECDSA, folder = makeFolder() }: { keyOptions?: readonly string[]; folder?: string } = {},
): MadeCertificate {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', `/CN=${names[0]?.replace(/^.*:/, '')}`, '-addext', `subjectAltName=${names.join(',')}`]
  const files = ['-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', ...keyOptions, '-nodes', ...files, '-days', '30', ...subject], {
    stdio: 'pipe',
  })
  return { cert, key }
}

/** Gone when the test is over. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
