/** Hits over TLS, HTTP/1.1 and HTTP/2, beside Node's own servers writing the same Buffer. */

import { makeCertificate } from './certificate.ts'
import { type Findings, together } from './findings.ts'
import { makeFolder, type Secure, type ServerProcess, startBareServer, startPacedOrigin } from './processes.ts'
import { refusal, startShield } from './shield-process.ts'
import { MEMORY, measure, type Pace, RECORDING, SHIELD } from './side-by-side.ts'
import { checkAnswer, fetchWhole, objectPath, type TLS_WORKS } from './works.ts'

/** Why these cannot be measured; undefined where they can. */
export function tlsHindrance(): string | undefined {
  const tls = makeCertificate(makeFolder('tls'))
  return refusal({ memory: MEMORY, ...RECORDING, tls })
}

export async function tlsHits(works: typeof TLS_WORKS, pace: Pace): Promise<Findings> {
  const origin = await startPacedOrigin()
  const certificate = makeCertificate(makeFolder('tls'))
  const shield = await startShield(origin.port, { memory: MEMORY, ...RECORDING, tls: certificate })
  const found: Findings[] = []
  for (const work of works) {
    const { protocol } = work
    const over = (process: ServerProcess): ServerProcess => {
      const secure: Secure = { protocol, certFile: certificate.certFile }
      return { ...process, secure }
    }
    const bare = await startBareServer({ answer: work.answer, tls: { ...certificate, protocol } })
    const name = protocol === 'h2' ? 'bare node:http2' : 'bare node:https'
    const prepare = async (server: { readonly process: ServerProcess }) => {
      await fetchWhole(server.process, objectPath(1, work.length))
      await checkAnswer(server.process, work)
    }
    const servers = [
      { name, process: bare },
      { name: SHIELD, process: over(shield) },
    ]
    found.push(await measure({ work, servers, pace, prepare, target: () => work.target, origin }))
    await bare.close()
  }
  await shield.close()
  await origin.close()
  return together(found)
}
