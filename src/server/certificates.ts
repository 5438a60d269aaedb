/**
 * Certificates: files with certificates and keys become what a TLS listener offers to whom.
 *
 * Invariant: all of them are usable or none is offered; a faulty file that turns up later changes nothing.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { type ConfigProblem, StartError, sentenceOf } from '../errors.ts'
import { TLS_RULES } from './tls-rules.ts'

export interface CertificateFiles {
  /** PEM: the certificate, and behind it those that lead to its root. */
  readonly cert: string
  /** PEM, without a passphrase. */
  readonly key: string
  /** Strict-Transport-Security: max-age, in milliseconds. */
  readonly hsts?: number | undefined
}

/** One that is usable: its key fits, and TLS takes it. */
export interface Certificate {
  readonly file: string
  /** As the certificate has them, wildcards included: `DNS:example.com, DNS:*.example.com`. Undefined: none. */
  readonly names: string | undefined
  readonly validFromMs: number
  readonly validToMs: number
  readonly context: SecureContext
  /** What `context` is made of. */
  readonly options: SecureContextOptions
  /** name, value: of every answer under this certificate; empty for none. */
  readonly answerFields: readonly string[]
  /** RFC 9525 §6.3 */
  readonly isFor: (serverName: string, match: 'exactly' | 'by-wildcard') => boolean
}

/** All of a listener; the first is for clients that ask for no name that has one. */
export type Certificates = readonly [Certificate, ...Certificate[]]

export type CertificatesReading =
  | { readonly kind: 'usable'; readonly certificates: Certificates }
  /** Each by its file. None holds anything of what is in it. */
  | { readonly kind: 'faulty'; readonly faults: readonly ConfigProblem[] }

/** Reads all files anew. */
export async function readCertificates(all: readonly CertificateFiles[]): Promise<CertificatesReading> {
  const readings = await Promise.all(all.map(readPair))
  const faults = readings.flatMap((reading) => ('fault' in reading ? [reading.fault] : []))
  const [first, ...others] = readings.flatMap((reading) => ('fault' in reading ? [] : [reading]))
  if (faults.length > 0 || first === undefined) return { kind: 'faulty', faults }
  return { kind: 'usable', certificates: [first, ...others] }
}

/** @throws {StartError} naming every file that is no use, and why */
export async function usableCertificates(files: readonly CertificateFiles[]): Promise<Certificates> {
  const reading = await readCertificates(files)
  if (reading.kind === 'faulty') throw new StartError(reading.faults.map(sentenceOf).join('\n'))
  return reading.certificates
}

/** Where they are in use. */
export interface CertificateUser {
  readonly certificateFiles: readonly CertificateFiles[]
  /** Undefined where it has none. */
  readonly certificates: Certificates | undefined
  offer(certificates: Certificates): void
}

/** What the files of all users hold now; nothing of it is in use yet. */
export type PreparedCertificates =
  | {
      readonly kind: 'usable'
      /** Files of certificates that are others by now, or have another key. */
      readonly changed: readonly string[]
      /** Offers them in place of those before. */
      apply(): void
    }
  | Extract<CertificatesReading, { kind: 'faulty' }>

/** Reads those of all users again. */
export async function prepareCertificates(
  users: readonly CertificateUser[],
  onCertificate: (certificate: Certificate) => void,
): Promise<PreparedCertificates> {
  const certified = users.filter(({ certificateFiles }) => certificateFiles.length > 0)
  const read = await Promise.all(
    certified.map(async (user) => ({ user, reading: await readCertificates(user.certificateFiles) })),
  )
  const faults = read.flatMap(({ reading }) => (reading.kind === 'faulty' ? reading.faults : []))
  if (faults.length > 0) return { kind: 'faulty', faults: withoutDoubles(faults) }
  const usable = read.flatMap(({ user, reading }) =>
    reading.kind === 'usable' ? [{ user, certificates: reading.certificates }] : [],
  )
  const changed = usable.flatMap(({ user, certificates }) =>
    certificates.filter((one, index) => !isSame(one, user.certificates?.[index])).map(({ file }) => file),
  )
  return {
    kind: 'usable',
    changed: [...new Set(changed)],
    apply: () => {
      for (const { user, certificates } of usable) {
        user.offer(certificates)
        for (const certificate of certificates) onCertificate(certificate)
      }
    },
  }
}

function isSame({ options }: Certificate, before: Certificate | undefined): boolean {
  return options.cert === before?.options.cert && options.key === before?.options.key
}

/** Several listeners may have the same files. */
function withoutDoubles(faults: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...new Map(faults.map((fault) => [sentenceOf(fault), fault])).values()]
}

/** The one that a client gets who asks for this name: the first that has it, or else covers it; undefined for none. */
export function certificateFor(certificates: readonly Certificate[], serverName: string): Certificate | undefined {
  return (
    certificates.find((one) => one.isFor(serverName, 'exactly')) ??
    certificates.find((one) => one.isFor(serverName, 'by-wildcard'))
  )
}

type Fault = { readonly fault: ConfigProblem }

function fault(path: string, message: string): Fault {
  return { fault: { path, message } }
}

async function readPair({ cert, key, hsts }: CertificateFiles): Promise<Certificate | Fault> {
  const [certText, keyText] = await Promise.all([readText(cert), readText(key)])
  if ('fault' in certText) return certText
  if ('fault' in keyText) return keyText
  const x509 = parseCertificate(cert, certText.text)
  if ('fault' in x509) return x509
  const privateKey = parseKey(key, keyText.text)
  if ('fault' in privateKey) return privateKey
  if (!x509.checkPrivateKey(privateKey)) return fault(key, `is not the key of the certificate in ${cert}`)
  const options = { ...TLS_RULES, cert: certText.text, key: keyText.text }
  const context = contextOf(cert, options)
  if ('fault' in context) return context
  return {
    file: cert,
    names: x509.subjectAltName,
    validFromMs: x509.validFromDate.getTime(),
    validToMs: x509.validToDate.getTime(),
    context: context.context,
    options,
    answerFields: hsts === undefined ? [] : ['Strict-Transport-Security', `max-age=${Math.floor(hsts / 1000)}`],
    isFor: (serverName, match) =>
      x509.checkHost(serverName, { subject: 'never', wildcards: match === 'by-wildcard', partialWildcards: false }) !==
      undefined,
  }
}

async function readText(file: string): Promise<{ readonly text: string } | Fault> {
  try {
    return { text: await readFile(file, 'utf8') }
  } catch (error) {
    return fault(file, reasonOf(error))
  }
}

function reasonOf(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file'
  if (code === 'EISDIR') return 'is a directory, expected a file'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied'
  return `cannot be read (${code})`
}

function parseCertificate(file: string, text: string): X509Certificate | Fault {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) return fault(file, 'holds no certificate in PEM form')
  try {
    return new X509Certificate(text)
  } catch (error) {
    return fault(file, `holds a certificate that cannot be read (${codeOf(error)})`)
  }
}

function parseKey(file: string, text: string) {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return fault(file, 'holds no private key in PEM form')
  // RFC 7468 §11, and the older form (RFC 1421 §4.6.1.1).
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    return fault(file, 'is encrypted, expected a key without a passphrase')
  }
  try {
    return createPrivateKey(text)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ERR_MISSING_PASSPHRASE') return fault(file, 'is encrypted, expected a key without a passphrase')
    return fault(file, `holds a private key that cannot be read (${code})`)
  }
}

/** What is left that TLS may mind: a key that is too short, a chain that is no chain of certificates. */
function contextOf(file: string, options: SecureContextOptions): { readonly context: SecureContext } | Fault {
  try {
    return { context: createSecureContext(options) }
  } catch (error) {
    return fault(file, `TLS does not take it (${codeOf(error)})`)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
