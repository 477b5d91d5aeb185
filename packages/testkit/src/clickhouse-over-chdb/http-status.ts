/** The statuses of the server's `HTTPHandler` (`exceptionCodeToHTTPStatus`), for the codes a client of ours can meet. */
const STATUS_OF_CODE: ReadonlyMap<number, number> = new Map([
  // Parsing of values and of SQL
  ...[6, 7, 25, 26, 27, 32, 33, 38, 41, 43, 46, 53, 62, 69, 70, 72, 117, 130, 376, 456, 457].map(
    (code): [number, number] => [code, 400],
  ),
  [194, 401],
  [192, 403],
  [193, 403],
  [497, 403],
  [516, 403],
  // Unknown table, database, function, identifier, setting, format
  ...[47, 60, 73, 81, 115].map((code): [number, number] => [code, 404]),
  [159, 408],
  [48, 501],
  [76, 503],
  [209, 503],
]);

export function statusOfExceptionCode(code: number): number {
  return STATUS_OF_CODE.get(code) ?? 500;
}
