export { type AnswerTable, toAnswerTable } from './answer-table.ts';
export {
  EXPORT_FORMAT_FACTS,
  exportTable,
  type ExportOptions,
} from './export-table.ts';
export type { ExportedTable } from './table.ts';
