// Reading clusters; there is one.
#include <memory>
#include <utility>

#include "answer.h"
#include "cluster_methods.h"
#include "cluster_redaction.h"
#include "filters.h"
#include "registrar.h"

namespace swarm::controlapi {
namespace {

Result<Payload> GetCluster(const Backend& backend, const pb::GetClusterRequest& request) {
  if (request.cluster_id().empty()) return InvalidRequest();
  const auto cluster = backend.store().Read()->Get<pb::Cluster>(request.cluster_id());
  if (!cluster) return NotFound("cluster", request.cluster_id());
  return AnswerWith<pb::GetClusterResponse, pb::Cluster>(
      Redact(*cluster), &pb::GetClusterResponse::unsafe_arena_set_allocated_cluster,
      &pb::GetClusterResponse::unsafe_arena_release_cluster);
}

Result<Payload> ListClusters(const Backend& backend, const pb::ListClustersRequest& request) {
  const auto& f = request.filters();
  const By by = Query()
                    .Or(f.names(), By::Name)
                    .Or(f.name_prefixes(), By::NamePrefix)
                    .Or(f.id_prefixes(), By::IdPrefix)
                    .Done();
  const auto fits = [&f](const pb::Cluster& cluster) {
    const auto& annotations = cluster.spec().annotations();
    return FitsAny(f.names(), annotations.name()) &&
           FitsPrefix(f.name_prefixes(), annotations.name()) &&
           FitsPrefix(f.id_prefixes(), cluster.id()) &&
           FitsLabels(f.labels(), annotations.labels());
  };
  SWARM_ASSIGN_OR_RETURN(auto found, Select<pb::Cluster>(*backend.store().Read(), by, fits));
  for (auto& cluster : found) cluster = Redact(*cluster);
  return AnswerWithAll<pb::ListClustersResponse, pb::Cluster>(
      std::move(found), &pb::ListClustersResponse::mutable_clusters);
}

}  // namespace

void RegisterClusters(Registrar& registrar) {
  registrar.Read<pb::GetClusterRequest>("GetCluster", GetCluster);
  registrar.Read<pb::ListClustersRequest>("ListClusters", ListClusters);
  registrar.Write<pb::UpdateClusterRequest>("UpdateCluster", UpdateCluster);
}

}  // namespace swarm::controlapi
