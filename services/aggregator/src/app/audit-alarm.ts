import type { Logger } from '@tidemark/runtime';

/** Figures shown in one alarm: it says how many there are. */
const EVIDENCE_MAX = 10;

/** Says that something is wrong when it begins and whenever it changes, and once more when it is right again; not at every audit. */
export class Alarm {
  private readonly log: Logger;
  private readonly message: string;
  private raised = '';

  constructor(log: Logger, message: string) {
    this.log = log;
    this.message = message;
  }

  /**
   * @param evidence ids and figures, no payloads; empty when all is well
   * @param about what makes it another trouble than before; the figures and the evidence if it is not given
   */
  report(evidence: readonly object[], figures: object = {}, about?: unknown): void {
    const shown = { ...figures, count: evidence.length, evidence: evidence.slice(0, EVIDENCE_MAX) };
    const text = evidence.length === 0 ? '' : JSON.stringify(about ?? shown);
    if (text === this.raised) return;
    this.raised = text;
    if (text === '') this.log.info({ ended: this.message }, 'an alarm of the audit has ended');
    else this.log.error(shown, this.message);
  }
}
