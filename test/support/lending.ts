import type { OriginBody } from '../../src/origin/origin.ts'

/** `readInto` of a double: what was lent is spoilt as soon as `take` has returned. */
export async function lendTo(body: OriginBody, take: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of body) {
    const lent = Buffer.from(chunk)
    try {
      take(lent)
    } catch (error) {
      body.destroy()
      throw error
    }
    lent.fill(0xee)
  }
}
