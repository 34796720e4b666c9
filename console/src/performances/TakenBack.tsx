/** Why the points of one's own send were taken back: the ledger has words of the server, the send has a code. */
import { useQuery } from "@tanstack/preact-query";
import { answer, api } from "../foundation/api/client";
import FailureReason from "./FailureReason";

export default function TakenBack({ id, reason }: { id: string; reason: string }) {
  const { data, isPending } = useQuery({
    queryKey: ["performance", id],
    queryFn: () => answer(api.GET("/performances/{performance_id}", { params: { path: { performance_id: id } } })),
    // What has failed for good does not change any more.
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return isPending ? null : <FailureReason performance={data ?? { failure: null, reason }} />;
}
