impl serde::Serialize for CancelRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.run_id.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.CancelRequest", len)?;
        if !self.run_id.is_empty() {
            struct_ser.serialize_field("run_id", &self.run_id)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CancelRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "run_id",
            "runId",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            RunId,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "runId" | "run_id" => Ok(GeneratedField::RunId),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CancelRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.CancelRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CancelRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut run_id__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::RunId => {
                            if run_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("runId"));
                            }
                            run_id__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(CancelRequest {
                    run_id: run_id__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.CancelRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for CancelResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.CancelResponse", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CancelResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CancelResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.CancelResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CancelResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(CancelResponse {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.CancelResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ChangeType {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "CHANGE_TYPE_UNSPECIFIED",
            Self::Insert => "CHANGE_TYPE_INSERT",
            Self::UpdateBefore => "CHANGE_TYPE_UPDATE_BEFORE",
            Self::UpdateAfter => "CHANGE_TYPE_UPDATE_AFTER",
            Self::Delete => "CHANGE_TYPE_DELETE",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for ChangeType {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "CHANGE_TYPE_UNSPECIFIED",
            "CHANGE_TYPE_INSERT",
            "CHANGE_TYPE_UPDATE_BEFORE",
            "CHANGE_TYPE_UPDATE_AFTER",
            "CHANGE_TYPE_DELETE",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = ChangeType;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "CHANGE_TYPE_UNSPECIFIED" => Ok(ChangeType::Unspecified),
                    "CHANGE_TYPE_INSERT" => Ok(ChangeType::Insert),
                    "CHANGE_TYPE_UPDATE_BEFORE" => Ok(ChangeType::UpdateBefore),
                    "CHANGE_TYPE_UPDATE_AFTER" => Ok(ChangeType::UpdateAfter),
                    "CHANGE_TYPE_DELETE" => Ok(ChangeType::Delete),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for CommitPositionRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        if !self.position.is_empty() {
            len += 1;
        }
        if self.expected_version.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.CommitPositionRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        if !self.position.is_empty() {
            struct_ser.serialize_field("position", &self.position)?;
        }
        if let Some(v) = self.expected_version.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("expected_version", ToString::to_string(&v).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CommitPositionRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "group",
            "position",
            "expected_version",
            "expectedVersion",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Group,
            Position,
            ExpectedVersion,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "group" => Ok(GeneratedField::Group),
                            "position" => Ok(GeneratedField::Position),
                            "expectedVersion" | "expected_version" => Ok(GeneratedField::ExpectedVersion),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CommitPositionRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.CommitPositionRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CommitPositionRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut group__ = None;
                let mut position__ = None;
                let mut expected_version__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Position => {
                            if position__.is_some() {
                                return Err(serde::de::Error::duplicate_field("position"));
                            }
                            position__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ExpectedVersion => {
                            if expected_version__.is_some() {
                                return Err(serde::de::Error::duplicate_field("expectedVersion"));
                            }
                            expected_version__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                    }
                }
                Ok(CommitPositionRequest {
                    table: table__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                    position: position__.unwrap_or_default(),
                    expected_version: expected_version__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.CommitPositionRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for CommitPositionResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.version != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.CommitPositionResponse", len)?;
        if self.version != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("version", ToString::to_string(&self.version).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CommitPositionResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "version",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Version,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "version" => Ok(GeneratedField::Version),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CommitPositionResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.CommitPositionResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CommitPositionResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut version__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Version => {
                            if version__.is_some() {
                                return Err(serde::de::Error::duplicate_field("version"));
                            }
                            version__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(CommitPositionResponse {
                    version: version__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.CommitPositionResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for CompactionRun {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.run_id.is_empty() {
            len += 1;
        }
        if !self.table.is_empty() {
            len += 1;
        }
        if self.state != 0 {
            len += 1;
        }
        if !self.trigger.is_empty() {
            len += 1;
        }
        if self.queued_at_ms != 0 {
            len += 1;
        }
        if self.started_at_ms.is_some() {
            len += 1;
        }
        if self.ended_at_ms.is_some() {
            len += 1;
        }
        if !self.snapshot_ids.is_empty() {
            len += 1;
        }
        if self.rewritten_data_files_count != 0 {
            len += 1;
        }
        if self.added_data_files_count != 0 {
            len += 1;
        }
        if self.rewritten_bytes_count != 0 {
            len += 1;
        }
        if self.failed_data_files_count != 0 {
            len += 1;
        }
        if self.removed_delete_files_count != 0 {
            len += 1;
        }
        if !self.error.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.CompactionRun", len)?;
        if !self.run_id.is_empty() {
            struct_ser.serialize_field("run_id", &self.run_id)?;
        }
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if self.state != 0 {
            let v = RunState::try_from(self.state)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.state)))?;
            struct_ser.serialize_field("state", &v)?;
        }
        if !self.trigger.is_empty() {
            struct_ser.serialize_field("trigger", &self.trigger)?;
        }
        if self.queued_at_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("queued_at_ms", ToString::to_string(&self.queued_at_ms).as_str())?;
        }
        if let Some(v) = self.started_at_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("started_at_ms", ToString::to_string(&v).as_str())?;
        }
        if let Some(v) = self.ended_at_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("ended_at_ms", ToString::to_string(&v).as_str())?;
        }
        if !self.snapshot_ids.is_empty() {
            struct_ser.serialize_field("snapshot_ids", &self.snapshot_ids.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        }
        if self.rewritten_data_files_count != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("rewritten_data_files_count", ToString::to_string(&self.rewritten_data_files_count).as_str())?;
        }
        if self.added_data_files_count != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("added_data_files_count", ToString::to_string(&self.added_data_files_count).as_str())?;
        }
        if self.rewritten_bytes_count != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("rewritten_bytes_count", ToString::to_string(&self.rewritten_bytes_count).as_str())?;
        }
        if self.failed_data_files_count != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("failed_data_files_count", ToString::to_string(&self.failed_data_files_count).as_str())?;
        }
        if self.removed_delete_files_count != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("removed_delete_files_count", ToString::to_string(&self.removed_delete_files_count).as_str())?;
        }
        if !self.error.is_empty() {
            struct_ser.serialize_field("error", &self.error)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CompactionRun {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "run_id",
            "runId",
            "table",
            "state",
            "trigger",
            "queued_at_ms",
            "queuedAtMs",
            "started_at_ms",
            "startedAtMs",
            "ended_at_ms",
            "endedAtMs",
            "snapshot_ids",
            "snapshotIds",
            "rewritten_data_files_count",
            "rewrittenDataFilesCount",
            "added_data_files_count",
            "addedDataFilesCount",
            "rewritten_bytes_count",
            "rewrittenBytesCount",
            "failed_data_files_count",
            "failedDataFilesCount",
            "removed_delete_files_count",
            "removedDeleteFilesCount",
            "error",
            "group",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            RunId,
            Table,
            State,
            Trigger,
            QueuedAtMs,
            StartedAtMs,
            EndedAtMs,
            SnapshotIds,
            RewrittenDataFilesCount,
            AddedDataFilesCount,
            RewrittenBytesCount,
            FailedDataFilesCount,
            RemovedDeleteFilesCount,
            Error,
            Group,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "runId" | "run_id" => Ok(GeneratedField::RunId),
                            "table" => Ok(GeneratedField::Table),
                            "state" => Ok(GeneratedField::State),
                            "trigger" => Ok(GeneratedField::Trigger),
                            "queuedAtMs" | "queued_at_ms" => Ok(GeneratedField::QueuedAtMs),
                            "startedAtMs" | "started_at_ms" => Ok(GeneratedField::StartedAtMs),
                            "endedAtMs" | "ended_at_ms" => Ok(GeneratedField::EndedAtMs),
                            "snapshotIds" | "snapshot_ids" => Ok(GeneratedField::SnapshotIds),
                            "rewrittenDataFilesCount" | "rewritten_data_files_count" => Ok(GeneratedField::RewrittenDataFilesCount),
                            "addedDataFilesCount" | "added_data_files_count" => Ok(GeneratedField::AddedDataFilesCount),
                            "rewrittenBytesCount" | "rewritten_bytes_count" => Ok(GeneratedField::RewrittenBytesCount),
                            "failedDataFilesCount" | "failed_data_files_count" => Ok(GeneratedField::FailedDataFilesCount),
                            "removedDeleteFilesCount" | "removed_delete_files_count" => Ok(GeneratedField::RemovedDeleteFilesCount),
                            "error" => Ok(GeneratedField::Error),
                            "group" => Ok(GeneratedField::Group),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CompactionRun;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.CompactionRun")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CompactionRun, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut run_id__ = None;
                let mut table__ = None;
                let mut state__ = None;
                let mut trigger__ = None;
                let mut queued_at_ms__ = None;
                let mut started_at_ms__ = None;
                let mut ended_at_ms__ = None;
                let mut snapshot_ids__ = None;
                let mut rewritten_data_files_count__ = None;
                let mut added_data_files_count__ = None;
                let mut rewritten_bytes_count__ = None;
                let mut failed_data_files_count__ = None;
                let mut removed_delete_files_count__ = None;
                let mut error__ = None;
                let mut group__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::RunId => {
                            if run_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("runId"));
                            }
                            run_id__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::State => {
                            if state__.is_some() {
                                return Err(serde::de::Error::duplicate_field("state"));
                            }
                            state__ = Some(map_.next_value::<RunState>()? as i32);
                        }
                        GeneratedField::Trigger => {
                            if trigger__.is_some() {
                                return Err(serde::de::Error::duplicate_field("trigger"));
                            }
                            trigger__ = Some(map_.next_value()?);
                        }
                        GeneratedField::QueuedAtMs => {
                            if queued_at_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("queuedAtMs"));
                            }
                            queued_at_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::StartedAtMs => {
                            if started_at_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("startedAtMs"));
                            }
                            started_at_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::EndedAtMs => {
                            if ended_at_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("endedAtMs"));
                            }
                            ended_at_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::SnapshotIds => {
                            if snapshot_ids__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotIds"));
                            }
                            snapshot_ids__ = 
                                Some(map_.next_value::<Vec<::pbjson::private::NumberDeserialize<_>>>()?
                                    .into_iter().map(|x| x.0).collect())
                            ;
                        }
                        GeneratedField::RewrittenDataFilesCount => {
                            if rewritten_data_files_count__.is_some() {
                                return Err(serde::de::Error::duplicate_field("rewrittenDataFilesCount"));
                            }
                            rewritten_data_files_count__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::AddedDataFilesCount => {
                            if added_data_files_count__.is_some() {
                                return Err(serde::de::Error::duplicate_field("addedDataFilesCount"));
                            }
                            added_data_files_count__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::RewrittenBytesCount => {
                            if rewritten_bytes_count__.is_some() {
                                return Err(serde::de::Error::duplicate_field("rewrittenBytesCount"));
                            }
                            rewritten_bytes_count__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::FailedDataFilesCount => {
                            if failed_data_files_count__.is_some() {
                                return Err(serde::de::Error::duplicate_field("failedDataFilesCount"));
                            }
                            failed_data_files_count__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::RemovedDeleteFilesCount => {
                            if removed_delete_files_count__.is_some() {
                                return Err(serde::de::Error::duplicate_field("removedDeleteFilesCount"));
                            }
                            removed_delete_files_count__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Error => {
                            if error__.is_some() {
                                return Err(serde::de::Error::duplicate_field("error"));
                            }
                            error__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(CompactionRun {
                    run_id: run_id__.unwrap_or_default(),
                    table: table__.unwrap_or_default(),
                    state: state__.unwrap_or_default(),
                    trigger: trigger__.unwrap_or_default(),
                    queued_at_ms: queued_at_ms__.unwrap_or_default(),
                    started_at_ms: started_at_ms__,
                    ended_at_ms: ended_at_ms__,
                    snapshot_ids: snapshot_ids__.unwrap_or_default(),
                    rewritten_data_files_count: rewritten_data_files_count__.unwrap_or_default(),
                    added_data_files_count: added_data_files_count__.unwrap_or_default(),
                    rewritten_bytes_count: rewritten_bytes_count__.unwrap_or_default(),
                    failed_data_files_count: failed_data_files_count__.unwrap_or_default(),
                    removed_delete_files_count: removed_delete_files_count__.unwrap_or_default(),
                    error: error__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.CompactionRun", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DeleteGroupRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.DeleteGroupRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for DeleteGroupRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "group",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Group,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "group" => Ok(GeneratedField::Group),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = DeleteGroupRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.DeleteGroupRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<DeleteGroupRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut group__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(DeleteGroupRequest {
                    table: table__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.DeleteGroupRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DeleteGroupResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.DeleteGroupResponse", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for DeleteGroupResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = DeleteGroupResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.DeleteGroupResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<DeleteGroupResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(DeleteGroupResponse {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.DeleteGroupResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DescribeGroupRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.DescribeGroupRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for DescribeGroupRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "group",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Group,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "group" => Ok(GeneratedField::Group),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = DescribeGroupRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.DescribeGroupRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<DescribeGroupRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut group__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(DescribeGroupRequest {
                    table: table__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.DescribeGroupRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DescribeGroupResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.group.is_some() {
            len += 1;
        }
        if self.lag.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.DescribeGroupResponse", len)?;
        if let Some(v) = self.group.as_ref() {
            struct_ser.serialize_field("group", v)?;
        }
        if let Some(v) = self.lag.as_ref() {
            struct_ser.serialize_field("lag", v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for DescribeGroupResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "group",
            "lag",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Group,
            Lag,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "group" => Ok(GeneratedField::Group),
                            "lag" => Ok(GeneratedField::Lag),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = DescribeGroupResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.DescribeGroupResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<DescribeGroupResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut group__ = None;
                let mut lag__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = map_.next_value()?;
                        }
                        GeneratedField::Lag => {
                            if lag__.is_some() {
                                return Err(serde::de::Error::duplicate_field("lag"));
                            }
                            lag__ = map_.next_value()?;
                        }
                    }
                }
                Ok(DescribeGroupResponse {
                    group: group__,
                    lag: lag__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.DescribeGroupResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DrainRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.DrainRequest", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for DrainRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = DrainRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.DrainRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<DrainRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(DrainRequest {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.DrainRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DrainResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.DrainResponse", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for DrainResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = DrainResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.DrainResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<DrainResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(DrainResponse {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.DrainResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for DuplicateKeys {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "DUPLICATE_KEYS_UNSPECIFIED",
            Self::Pair => "DUPLICATE_KEYS_PAIR",
            Self::Plain => "DUPLICATE_KEYS_PLAIN",
            Self::Error => "DUPLICATE_KEYS_ERROR",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for DuplicateKeys {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "DUPLICATE_KEYS_UNSPECIFIED",
            "DUPLICATE_KEYS_PAIR",
            "DUPLICATE_KEYS_PLAIN",
            "DUPLICATE_KEYS_ERROR",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = DuplicateKeys;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "DUPLICATE_KEYS_UNSPECIFIED" => Ok(DuplicateKeys::Unspecified),
                    "DUPLICATE_KEYS_PAIR" => Ok(DuplicateKeys::Pair),
                    "DUPLICATE_KEYS_PLAIN" => Ok(DuplicateKeys::Plain),
                    "DUPLICATE_KEYS_ERROR" => Ok(DuplicateKeys::Error),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for FilterUpdates {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "FILTER_UPDATES_UNSPECIFIED",
            Self::Retract => "FILTER_UPDATES_RETRACT",
            Self::Independent => "FILTER_UPDATES_INDEPENDENT",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for FilterUpdates {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "FILTER_UPDATES_UNSPECIFIED",
            "FILTER_UPDATES_RETRACT",
            "FILTER_UPDATES_INDEPENDENT",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = FilterUpdates;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "FILTER_UPDATES_UNSPECIFIED" => Ok(FilterUpdates::Unspecified),
                    "FILTER_UPDATES_RETRACT" => Ok(FilterUpdates::Retract),
                    "FILTER_UPDATES_INDEPENDENT" => Ok(FilterUpdates::Independent),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for Gap {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.consumed_snapshot_id.is_some() {
            len += 1;
        }
        if self.is_lossy {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.Gap", len)?;
        if let Some(v) = self.consumed_snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("consumed_snapshot_id", ToString::to_string(&v).as_str())?;
        }
        if self.is_lossy {
            struct_ser.serialize_field("is_lossy", &self.is_lossy)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Gap {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "consumed_snapshot_id",
            "consumedSnapshotId",
            "is_lossy",
            "isLossy",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            ConsumedSnapshotId,
            IsLossy,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "consumedSnapshotId" | "consumed_snapshot_id" => Ok(GeneratedField::ConsumedSnapshotId),
                            "isLossy" | "is_lossy" => Ok(GeneratedField::IsLossy),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Gap;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.Gap")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Gap, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut consumed_snapshot_id__ = None;
                let mut is_lossy__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::ConsumedSnapshotId => {
                            if consumed_snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("consumedSnapshotId"));
                            }
                            consumed_snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::IsLossy => {
                            if is_lossy__.is_some() {
                                return Err(serde::de::Error::duplicate_field("isLossy"));
                            }
                            is_lossy__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Gap {
                    consumed_snapshot_id: consumed_snapshot_id__,
                    is_lossy: is_lossy__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.Gap", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for GetTableRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.branch.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.GetTableRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.branch.is_empty() {
            struct_ser.serialize_field("branch", &self.branch)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for GetTableRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "branch",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Branch,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "branch" => Ok(GeneratedField::Branch),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = GetTableRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.GetTableRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<GetTableRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut branch__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Branch => {
                            if branch__.is_some() {
                                return Err(serde::de::Error::duplicate_field("branch"));
                            }
                            branch__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(GetTableRequest {
                    table: table__.unwrap_or_default(),
                    branch: branch__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.GetTableRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for GetTableResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.table_uuid.is_empty() {
            len += 1;
        }
        if self.format_version != 0 {
            len += 1;
        }
        if !self.metadata_location.is_empty() {
            len += 1;
        }
        if self.snapshot_id.is_some() {
            len += 1;
        }
        if self.committed_at_ms.is_some() {
            len += 1;
        }
        if self.schema_id != 0 {
            len += 1;
        }
        if !self.schema_json.is_empty() {
            len += 1;
        }
        if !self.identifier_fields.is_empty() {
            len += 1;
        }
        if self.snapshots != 0 {
            len += 1;
        }
        if !self.summary.is_empty() {
            len += 1;
        }
        if !self.properties.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.GetTableResponse", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.table_uuid.is_empty() {
            struct_ser.serialize_field("table_uuid", &self.table_uuid)?;
        }
        if self.format_version != 0 {
            struct_ser.serialize_field("format_version", &self.format_version)?;
        }
        if !self.metadata_location.is_empty() {
            struct_ser.serialize_field("metadata_location", &self.metadata_location)?;
        }
        if let Some(v) = self.snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshot_id", ToString::to_string(&v).as_str())?;
        }
        if let Some(v) = self.committed_at_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("committed_at_ms", ToString::to_string(&v).as_str())?;
        }
        if self.schema_id != 0 {
            struct_ser.serialize_field("schema_id", &self.schema_id)?;
        }
        if !self.schema_json.is_empty() {
            struct_ser.serialize_field("schema_json", &self.schema_json)?;
        }
        if !self.identifier_fields.is_empty() {
            struct_ser.serialize_field("identifier_fields", &self.identifier_fields)?;
        }
        if self.snapshots != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshots", ToString::to_string(&self.snapshots).as_str())?;
        }
        if !self.summary.is_empty() {
            struct_ser.serialize_field("summary", &self.summary)?;
        }
        if !self.properties.is_empty() {
            struct_ser.serialize_field("properties", &self.properties)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for GetTableResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "table_uuid",
            "tableUuid",
            "format_version",
            "formatVersion",
            "metadata_location",
            "metadataLocation",
            "snapshot_id",
            "snapshotId",
            "committed_at_ms",
            "committedAtMs",
            "schema_id",
            "schemaId",
            "schema_json",
            "schemaJson",
            "identifier_fields",
            "identifierFields",
            "snapshots",
            "summary",
            "properties",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            TableUuid,
            FormatVersion,
            MetadataLocation,
            SnapshotId,
            CommittedAtMs,
            SchemaId,
            SchemaJson,
            IdentifierFields,
            Snapshots,
            Summary,
            Properties,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "tableUuid" | "table_uuid" => Ok(GeneratedField::TableUuid),
                            "formatVersion" | "format_version" => Ok(GeneratedField::FormatVersion),
                            "metadataLocation" | "metadata_location" => Ok(GeneratedField::MetadataLocation),
                            "snapshotId" | "snapshot_id" => Ok(GeneratedField::SnapshotId),
                            "committedAtMs" | "committed_at_ms" => Ok(GeneratedField::CommittedAtMs),
                            "schemaId" | "schema_id" => Ok(GeneratedField::SchemaId),
                            "schemaJson" | "schema_json" => Ok(GeneratedField::SchemaJson),
                            "identifierFields" | "identifier_fields" => Ok(GeneratedField::IdentifierFields),
                            "snapshots" => Ok(GeneratedField::Snapshots),
                            "summary" => Ok(GeneratedField::Summary),
                            "properties" => Ok(GeneratedField::Properties),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = GetTableResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.GetTableResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<GetTableResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut table_uuid__ = None;
                let mut format_version__ = None;
                let mut metadata_location__ = None;
                let mut snapshot_id__ = None;
                let mut committed_at_ms__ = None;
                let mut schema_id__ = None;
                let mut schema_json__ = None;
                let mut identifier_fields__ = None;
                let mut snapshots__ = None;
                let mut summary__ = None;
                let mut properties__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::TableUuid => {
                            if table_uuid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("tableUuid"));
                            }
                            table_uuid__ = Some(map_.next_value()?);
                        }
                        GeneratedField::FormatVersion => {
                            if format_version__.is_some() {
                                return Err(serde::de::Error::duplicate_field("formatVersion"));
                            }
                            format_version__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::MetadataLocation => {
                            if metadata_location__.is_some() {
                                return Err(serde::de::Error::duplicate_field("metadataLocation"));
                            }
                            metadata_location__ = Some(map_.next_value()?);
                        }
                        GeneratedField::SnapshotId => {
                            if snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotId"));
                            }
                            snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::CommittedAtMs => {
                            if committed_at_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("committedAtMs"));
                            }
                            committed_at_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::SchemaId => {
                            if schema_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("schemaId"));
                            }
                            schema_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::SchemaJson => {
                            if schema_json__.is_some() {
                                return Err(serde::de::Error::duplicate_field("schemaJson"));
                            }
                            schema_json__ = Some(map_.next_value()?);
                        }
                        GeneratedField::IdentifierFields => {
                            if identifier_fields__.is_some() {
                                return Err(serde::de::Error::duplicate_field("identifierFields"));
                            }
                            identifier_fields__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Snapshots => {
                            if snapshots__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshots"));
                            }
                            snapshots__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Summary => {
                            if summary__.is_some() {
                                return Err(serde::de::Error::duplicate_field("summary"));
                            }
                            summary__ = Some(
                                map_.next_value::<std::collections::BTreeMap<_, _>>()?
                            );
                        }
                        GeneratedField::Properties => {
                            if properties__.is_some() {
                                return Err(serde::de::Error::duplicate_field("properties"));
                            }
                            properties__ = Some(
                                map_.next_value::<std::collections::BTreeMap<_, _>>()?
                            );
                        }
                    }
                }
                Ok(GetTableResponse {
                    table: table__.unwrap_or_default(),
                    table_uuid: table_uuid__.unwrap_or_default(),
                    format_version: format_version__.unwrap_or_default(),
                    metadata_location: metadata_location__.unwrap_or_default(),
                    snapshot_id: snapshot_id__,
                    committed_at_ms: committed_at_ms__,
                    schema_id: schema_id__.unwrap_or_default(),
                    schema_json: schema_json__.unwrap_or_default(),
                    identifier_fields: identifier_fields__.unwrap_or_default(),
                    snapshots: snapshots__.unwrap_or_default(),
                    summary: summary__.unwrap_or_default(),
                    properties: properties__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.GetTableResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for GetWatermarkRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.branch.is_empty() {
            len += 1;
        }
        if !self.names.is_empty() {
            len += 1;
        }
        if self.reach_ms.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.GetWatermarkRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.branch.is_empty() {
            struct_ser.serialize_field("branch", &self.branch)?;
        }
        if !self.names.is_empty() {
            struct_ser.serialize_field("names", &self.names)?;
        }
        if let Some(v) = self.reach_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("reach_ms", ToString::to_string(&v).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for GetWatermarkRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "branch",
            "names",
            "reach_ms",
            "reachMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Branch,
            Names,
            ReachMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "branch" => Ok(GeneratedField::Branch),
                            "names" => Ok(GeneratedField::Names),
                            "reachMs" | "reach_ms" => Ok(GeneratedField::ReachMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = GetWatermarkRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.GetWatermarkRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<GetWatermarkRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut branch__ = None;
                let mut names__ = None;
                let mut reach_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Branch => {
                            if branch__.is_some() {
                                return Err(serde::de::Error::duplicate_field("branch"));
                            }
                            branch__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Names => {
                            if names__.is_some() {
                                return Err(serde::de::Error::duplicate_field("names"));
                            }
                            names__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ReachMs => {
                            if reach_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reachMs"));
                            }
                            reach_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                    }
                }
                Ok(GetWatermarkRequest {
                    table: table__.unwrap_or_default(),
                    branch: branch__.unwrap_or_default(),
                    names: names__.unwrap_or_default(),
                    reach_ms: reach_ms__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.GetWatermarkRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for GetWatermarkResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.watermark_ms != 0 {
            len += 1;
        }
        if self.reached {
            len += 1;
        }
        if !self.writers.is_empty() {
            len += 1;
        }
        if !self.warnings.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.GetWatermarkResponse", len)?;
        if self.watermark_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("watermark_ms", ToString::to_string(&self.watermark_ms).as_str())?;
        }
        if self.reached {
            struct_ser.serialize_field("reached", &self.reached)?;
        }
        if !self.writers.is_empty() {
            struct_ser.serialize_field("writers", &self.writers)?;
        }
        if !self.warnings.is_empty() {
            struct_ser.serialize_field("warnings", &self.warnings)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for GetWatermarkResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "watermark_ms",
            "watermarkMs",
            "reached",
            "writers",
            "warnings",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            WatermarkMs,
            Reached,
            Writers,
            Warnings,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "watermarkMs" | "watermark_ms" => Ok(GeneratedField::WatermarkMs),
                            "reached" => Ok(GeneratedField::Reached),
                            "writers" => Ok(GeneratedField::Writers),
                            "warnings" => Ok(GeneratedField::Warnings),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = GetWatermarkResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.GetWatermarkResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<GetWatermarkResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut watermark_ms__ = None;
                let mut reached__ = None;
                let mut writers__ = None;
                let mut warnings__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::WatermarkMs => {
                            if watermark_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("watermarkMs"));
                            }
                            watermark_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Reached => {
                            if reached__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reached"));
                            }
                            reached__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Writers => {
                            if writers__.is_some() {
                                return Err(serde::de::Error::duplicate_field("writers"));
                            }
                            writers__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Warnings => {
                            if warnings__.is_some() {
                                return Err(serde::de::Error::duplicate_field("warnings"));
                            }
                            warnings__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(GetWatermarkResponse {
                    watermark_ms: watermark_ms__.unwrap_or_default(),
                    reached: reached__.unwrap_or_default(),
                    writers: writers__.unwrap_or_default(),
                    warnings: warnings__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.GetWatermarkResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Group {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.table_uuid.is_empty() {
            len += 1;
        }
        if !self.position.is_empty() {
            len += 1;
        }
        if self.version != 0 {
            len += 1;
        }
        if self.updated_at_ms != 0 {
            len += 1;
        }
        if !self.owner.is_empty() {
            len += 1;
        }
        if self.is_dead {
            len += 1;
        }
        if !self.branch.is_empty() {
            len += 1;
        }
        if self.snapshot_id.is_some() {
            len += 1;
        }
        if self.snapshot_watermark_ms.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.Group", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.table_uuid.is_empty() {
            struct_ser.serialize_field("table_uuid", &self.table_uuid)?;
        }
        if !self.position.is_empty() {
            struct_ser.serialize_field("position", &self.position)?;
        }
        if self.version != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("version", ToString::to_string(&self.version).as_str())?;
        }
        if self.updated_at_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("updated_at_ms", ToString::to_string(&self.updated_at_ms).as_str())?;
        }
        if !self.owner.is_empty() {
            struct_ser.serialize_field("owner", &self.owner)?;
        }
        if self.is_dead {
            struct_ser.serialize_field("is_dead", &self.is_dead)?;
        }
        if !self.branch.is_empty() {
            struct_ser.serialize_field("branch", &self.branch)?;
        }
        if let Some(v) = self.snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshot_id", ToString::to_string(&v).as_str())?;
        }
        if let Some(v) = self.snapshot_watermark_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshot_watermark_ms", ToString::to_string(&v).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Group {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "table",
            "table_uuid",
            "tableUuid",
            "position",
            "version",
            "updated_at_ms",
            "updatedAtMs",
            "owner",
            "is_dead",
            "isDead",
            "branch",
            "snapshot_id",
            "snapshotId",
            "snapshot_watermark_ms",
            "snapshotWatermarkMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            Table,
            TableUuid,
            Position,
            Version,
            UpdatedAtMs,
            Owner,
            IsDead,
            Branch,
            SnapshotId,
            SnapshotWatermarkMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "table" => Ok(GeneratedField::Table),
                            "tableUuid" | "table_uuid" => Ok(GeneratedField::TableUuid),
                            "position" => Ok(GeneratedField::Position),
                            "version" => Ok(GeneratedField::Version),
                            "updatedAtMs" | "updated_at_ms" => Ok(GeneratedField::UpdatedAtMs),
                            "owner" => Ok(GeneratedField::Owner),
                            "isDead" | "is_dead" => Ok(GeneratedField::IsDead),
                            "branch" => Ok(GeneratedField::Branch),
                            "snapshotId" | "snapshot_id" => Ok(GeneratedField::SnapshotId),
                            "snapshotWatermarkMs" | "snapshot_watermark_ms" => Ok(GeneratedField::SnapshotWatermarkMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Group;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.Group")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Group, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut table__ = None;
                let mut table_uuid__ = None;
                let mut position__ = None;
                let mut version__ = None;
                let mut updated_at_ms__ = None;
                let mut owner__ = None;
                let mut is_dead__ = None;
                let mut branch__ = None;
                let mut snapshot_id__ = None;
                let mut snapshot_watermark_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::TableUuid => {
                            if table_uuid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("tableUuid"));
                            }
                            table_uuid__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Position => {
                            if position__.is_some() {
                                return Err(serde::de::Error::duplicate_field("position"));
                            }
                            position__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Version => {
                            if version__.is_some() {
                                return Err(serde::de::Error::duplicate_field("version"));
                            }
                            version__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::UpdatedAtMs => {
                            if updated_at_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("updatedAtMs"));
                            }
                            updated_at_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Owner => {
                            if owner__.is_some() {
                                return Err(serde::de::Error::duplicate_field("owner"));
                            }
                            owner__ = Some(map_.next_value()?);
                        }
                        GeneratedField::IsDead => {
                            if is_dead__.is_some() {
                                return Err(serde::de::Error::duplicate_field("isDead"));
                            }
                            is_dead__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Branch => {
                            if branch__.is_some() {
                                return Err(serde::de::Error::duplicate_field("branch"));
                            }
                            branch__ = Some(map_.next_value()?);
                        }
                        GeneratedField::SnapshotId => {
                            if snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotId"));
                            }
                            snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::SnapshotWatermarkMs => {
                            if snapshot_watermark_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotWatermarkMs"));
                            }
                            snapshot_watermark_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                    }
                }
                Ok(Group {
                    name: name__.unwrap_or_default(),
                    table: table__.unwrap_or_default(),
                    table_uuid: table_uuid__.unwrap_or_default(),
                    position: position__.unwrap_or_default(),
                    version: version__.unwrap_or_default(),
                    updated_at_ms: updated_at_ms__.unwrap_or_default(),
                    owner: owner__.unwrap_or_default(),
                    is_dead: is_dead__.unwrap_or_default(),
                    branch: branch__.unwrap_or_default(),
                    snapshot_id: snapshot_id__,
                    snapshot_watermark_ms: snapshot_watermark_ms__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.Group", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for HistoryRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if self.limit != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.HistoryRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if self.limit != 0 {
            struct_ser.serialize_field("limit", &self.limit)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for HistoryRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "limit",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Limit,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "limit" => Ok(GeneratedField::Limit),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = HistoryRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.HistoryRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<HistoryRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut limit__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Limit => {
                            if limit__.is_some() {
                                return Err(serde::de::Error::duplicate_field("limit"));
                            }
                            limit__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(HistoryRequest {
                    table: table__.unwrap_or_default(),
                    limit: limit__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.HistoryRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for HistoryResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.runs.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.HistoryResponse", len)?;
        if !self.runs.is_empty() {
            struct_ser.serialize_field("runs", &self.runs)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for HistoryResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "runs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Runs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "runs" => Ok(GeneratedField::Runs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = HistoryResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.HistoryResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<HistoryResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut runs__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Runs => {
                            if runs__.is_some() {
                                return Err(serde::de::Error::duplicate_field("runs"));
                            }
                            runs__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(HistoryResponse {
                    runs: runs__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.HistoryResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for KeyChange {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.before.is_empty() {
            len += 1;
        }
        if !self.now.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.KeyChange", len)?;
        if !self.before.is_empty() {
            struct_ser.serialize_field("before", &self.before)?;
        }
        if !self.now.is_empty() {
            struct_ser.serialize_field("now", &self.now)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for KeyChange {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "before",
            "now",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Before,
            Now,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "before" => Ok(GeneratedField::Before),
                            "now" => Ok(GeneratedField::Now),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = KeyChange;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.KeyChange")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<KeyChange, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut before__ = None;
                let mut now__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Before => {
                            if before__.is_some() {
                                return Err(serde::de::Error::duplicate_field("before"));
                            }
                            before__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Now => {
                            if now__.is_some() {
                                return Err(serde::de::Error::duplicate_field("now"));
                            }
                            now__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(KeyChange {
                    before: before__.unwrap_or_default(),
                    now: now__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.KeyChange", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Lag {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.snapshots != 0 {
            len += 1;
        }
        if self.rows != 0 {
            len += 1;
        }
        if self.bytes != 0 {
            len += 1;
        }
        if self.time_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.Lag", len)?;
        if self.snapshots != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshots", ToString::to_string(&self.snapshots).as_str())?;
        }
        if self.rows != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("rows", ToString::to_string(&self.rows).as_str())?;
        }
        if self.bytes != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("bytes", ToString::to_string(&self.bytes).as_str())?;
        }
        if self.time_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("time_ms", ToString::to_string(&self.time_ms).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Lag {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "snapshots",
            "rows",
            "bytes",
            "time_ms",
            "timeMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Snapshots,
            Rows,
            Bytes,
            TimeMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "snapshots" => Ok(GeneratedField::Snapshots),
                            "rows" => Ok(GeneratedField::Rows),
                            "bytes" => Ok(GeneratedField::Bytes),
                            "timeMs" | "time_ms" => Ok(GeneratedField::TimeMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Lag;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.Lag")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Lag, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut snapshots__ = None;
                let mut rows__ = None;
                let mut bytes__ = None;
                let mut time_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Snapshots => {
                            if snapshots__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshots"));
                            }
                            snapshots__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Rows => {
                            if rows__.is_some() {
                                return Err(serde::de::Error::duplicate_field("rows"));
                            }
                            rows__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Bytes => {
                            if bytes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("bytes"));
                            }
                            bytes__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::TimeMs => {
                            if time_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("timeMs"));
                            }
                            time_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Lag {
                    snapshots: snapshots__.unwrap_or_default(),
                    rows: rows__.unwrap_or_default(),
                    bytes: bytes__.unwrap_or_default(),
                    time_ms: time_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.Lag", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ListGroupsRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ListGroupsRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ListGroupsRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ListGroupsRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ListGroupsRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ListGroupsRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ListGroupsRequest {
                    table: table__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ListGroupsRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ListGroupsResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.groups.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ListGroupsResponse", len)?;
        if !self.groups.is_empty() {
            struct_ser.serialize_field("groups", &self.groups)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ListGroupsResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "groups",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Groups,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "groups" => Ok(GeneratedField::Groups),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ListGroupsResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ListGroupsResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ListGroupsResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut groups__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Groups => {
                            if groups__.is_some() {
                                return Err(serde::de::Error::duplicate_field("groups"));
                            }
                            groups__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ListGroupsResponse {
                    groups: groups__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ListGroupsResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ListTablesRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.catalog.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ListTablesRequest", len)?;
        if !self.catalog.is_empty() {
            struct_ser.serialize_field("catalog", &self.catalog)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ListTablesRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "catalog",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Catalog,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "catalog" => Ok(GeneratedField::Catalog),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ListTablesRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ListTablesRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ListTablesRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut catalog__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Catalog => {
                            if catalog__.is_some() {
                                return Err(serde::de::Error::duplicate_field("catalog"));
                            }
                            catalog__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ListTablesRequest {
                    catalog: catalog__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ListTablesRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ListTablesResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.tables.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ListTablesResponse", len)?;
        if !self.tables.is_empty() {
            struct_ser.serialize_field("tables", &self.tables)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ListTablesResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "tables",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Tables,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "tables" => Ok(GeneratedField::Tables),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ListTablesResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ListTablesResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ListTablesResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut tables__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Tables => {
                            if tables__.is_some() {
                                return Err(serde::de::Error::duplicate_field("tables"));
                            }
                            tables__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ListTablesResponse {
                    tables: tables__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ListTablesResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Marker {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.kind.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.Marker", len)?;
        if let Some(v) = self.kind.as_ref() {
            match v {
                marker::Kind::SnapshotEnd(v) => {
                    struct_ser.serialize_field("snapshot_end", v)?;
                }
                marker::Kind::SchemaChange(v) => {
                    struct_ser.serialize_field("schema_change", v)?;
                }
                marker::Kind::KeyChange(v) => {
                    struct_ser.serialize_field("key_change", v)?;
                }
                marker::Kind::Truncate(v) => {
                    struct_ser.serialize_field("truncate", v)?;
                }
                marker::Kind::Gap(v) => {
                    struct_ser.serialize_field("gap", v)?;
                }
                marker::Kind::Rollback(v) => {
                    struct_ser.serialize_field("rollback", v)?;
                }
            }
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Marker {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "snapshot_end",
            "snapshotEnd",
            "schema_change",
            "schemaChange",
            "key_change",
            "keyChange",
            "truncate",
            "gap",
            "rollback",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            SnapshotEnd,
            SchemaChange,
            KeyChange,
            Truncate,
            Gap,
            Rollback,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "snapshotEnd" | "snapshot_end" => Ok(GeneratedField::SnapshotEnd),
                            "schemaChange" | "schema_change" => Ok(GeneratedField::SchemaChange),
                            "keyChange" | "key_change" => Ok(GeneratedField::KeyChange),
                            "truncate" => Ok(GeneratedField::Truncate),
                            "gap" => Ok(GeneratedField::Gap),
                            "rollback" => Ok(GeneratedField::Rollback),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Marker;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.Marker")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Marker, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut kind__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::SnapshotEnd => {
                            if kind__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotEnd"));
                            }
                            kind__ = map_.next_value::<::std::option::Option<_>>()?.map(marker::Kind::SnapshotEnd)
;
                        }
                        GeneratedField::SchemaChange => {
                            if kind__.is_some() {
                                return Err(serde::de::Error::duplicate_field("schemaChange"));
                            }
                            kind__ = map_.next_value::<::std::option::Option<_>>()?.map(marker::Kind::SchemaChange)
;
                        }
                        GeneratedField::KeyChange => {
                            if kind__.is_some() {
                                return Err(serde::de::Error::duplicate_field("keyChange"));
                            }
                            kind__ = map_.next_value::<::std::option::Option<_>>()?.map(marker::Kind::KeyChange)
;
                        }
                        GeneratedField::Truncate => {
                            if kind__.is_some() {
                                return Err(serde::de::Error::duplicate_field("truncate"));
                            }
                            kind__ = map_.next_value::<::std::option::Option<_>>()?.map(marker::Kind::Truncate)
;
                        }
                        GeneratedField::Gap => {
                            if kind__.is_some() {
                                return Err(serde::de::Error::duplicate_field("gap"));
                            }
                            kind__ = map_.next_value::<::std::option::Option<_>>()?.map(marker::Kind::Gap)
;
                        }
                        GeneratedField::Rollback => {
                            if kind__.is_some() {
                                return Err(serde::de::Error::duplicate_field("rollback"));
                            }
                            kind__ = map_.next_value::<::std::option::Option<_>>()?.map(marker::Kind::Rollback)
;
                        }
                    }
                }
                Ok(Marker {
                    kind: kind__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.Marker", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Mode {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "MODE_UNSPECIFIED",
            Self::Append => "MODE_APPEND",
            Self::Upsert => "MODE_UPSERT",
            Self::Changelog => "MODE_CHANGELOG",
            Self::Net => "MODE_NET",
            Self::Rows => "MODE_ROWS",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for Mode {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "MODE_UNSPECIFIED",
            "MODE_APPEND",
            "MODE_UPSERT",
            "MODE_CHANGELOG",
            "MODE_NET",
            "MODE_ROWS",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = Mode;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "MODE_UNSPECIFIED" => Ok(Mode::Unspecified),
                    "MODE_APPEND" => Ok(Mode::Append),
                    "MODE_UPSERT" => Ok(Mode::Upsert),
                    "MODE_CHANGELOG" => Ok(Mode::Changelog),
                    "MODE_NET" => Ok(Mode::Net),
                    "MODE_ROWS" => Ok(Mode::Rows),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for OnExpired {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "ON_EXPIRED_UNSPECIFIED",
            Self::Fail => "ON_EXPIRED_FAIL",
            Self::Diff => "ON_EXPIRED_DIFF",
            Self::Rescan => "ON_EXPIRED_RESCAN",
            Self::Skip => "ON_EXPIRED_SKIP",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for OnExpired {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ON_EXPIRED_UNSPECIFIED",
            "ON_EXPIRED_FAIL",
            "ON_EXPIRED_DIFF",
            "ON_EXPIRED_RESCAN",
            "ON_EXPIRED_SKIP",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = OnExpired;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "ON_EXPIRED_UNSPECIFIED" => Ok(OnExpired::Unspecified),
                    "ON_EXPIRED_FAIL" => Ok(OnExpired::Fail),
                    "ON_EXPIRED_DIFF" => Ok(OnExpired::Diff),
                    "ON_EXPIRED_RESCAN" => Ok(OnExpired::Rescan),
                    "ON_EXPIRED_SKIP" => Ok(OnExpired::Skip),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for OnKeyChange {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "ON_KEY_CHANGE_UNSPECIFIED",
            Self::Fail => "ON_KEY_CHANGE_FAIL",
            Self::Continue => "ON_KEY_CHANGE_CONTINUE",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for OnKeyChange {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ON_KEY_CHANGE_UNSPECIFIED",
            "ON_KEY_CHANGE_FAIL",
            "ON_KEY_CHANGE_CONTINUE",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = OnKeyChange;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "ON_KEY_CHANGE_UNSPECIFIED" => Ok(OnKeyChange::Unspecified),
                    "ON_KEY_CHANGE_FAIL" => Ok(OnKeyChange::Fail),
                    "ON_KEY_CHANGE_CONTINUE" => Ok(OnKeyChange::Continue),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for OnNonAppend {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "ON_NON_APPEND_UNSPECIFIED",
            Self::Fail => "ON_NON_APPEND_FAIL",
            Self::Skip => "ON_NON_APPEND_SKIP",
            Self::AddedOnly => "ON_NON_APPEND_ADDED_ONLY",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for OnNonAppend {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ON_NON_APPEND_UNSPECIFIED",
            "ON_NON_APPEND_FAIL",
            "ON_NON_APPEND_SKIP",
            "ON_NON_APPEND_ADDED_ONLY",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = OnNonAppend;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "ON_NON_APPEND_UNSPECIFIED" => Ok(OnNonAppend::Unspecified),
                    "ON_NON_APPEND_FAIL" => Ok(OnNonAppend::Fail),
                    "ON_NON_APPEND_SKIP" => Ok(OnNonAppend::Skip),
                    "ON_NON_APPEND_ADDED_ONLY" => Ok(OnNonAppend::AddedOnly),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for OnReplaceMismatch {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "ON_REPLACE_MISMATCH_UNSPECIFIED",
            Self::Emit => "ON_REPLACE_MISMATCH_EMIT",
            Self::Fail => "ON_REPLACE_MISMATCH_FAIL",
            Self::Ignore => "ON_REPLACE_MISMATCH_IGNORE",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for OnReplaceMismatch {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ON_REPLACE_MISMATCH_UNSPECIFIED",
            "ON_REPLACE_MISMATCH_EMIT",
            "ON_REPLACE_MISMATCH_FAIL",
            "ON_REPLACE_MISMATCH_IGNORE",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = OnReplaceMismatch;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "ON_REPLACE_MISMATCH_UNSPECIFIED" => Ok(OnReplaceMismatch::Unspecified),
                    "ON_REPLACE_MISMATCH_EMIT" => Ok(OnReplaceMismatch::Emit),
                    "ON_REPLACE_MISMATCH_FAIL" => Ok(OnReplaceMismatch::Fail),
                    "ON_REPLACE_MISMATCH_IGNORE" => Ok(OnReplaceMismatch::Ignore),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for OnRollback {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "ON_ROLLBACK_UNSPECIFIED",
            Self::Fail => "ON_ROLLBACK_FAIL",
            Self::Compensate => "ON_ROLLBACK_COMPENSATE",
            Self::Rescan => "ON_ROLLBACK_RESCAN",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for OnRollback {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ON_ROLLBACK_UNSPECIFIED",
            "ON_ROLLBACK_FAIL",
            "ON_ROLLBACK_COMPENSATE",
            "ON_ROLLBACK_RESCAN",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = OnRollback;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "ON_ROLLBACK_UNSPECIFIED" => Ok(OnRollback::Unspecified),
                    "ON_ROLLBACK_FAIL" => Ok(OnRollback::Fail),
                    "ON_ROLLBACK_COMPENSATE" => Ok(OnRollback::Compensate),
                    "ON_ROLLBACK_RESCAN" => Ok(OnRollback::Rescan),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for PauseRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.PauseRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for PauseRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = PauseRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.PauseRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<PauseRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(PauseRequest {
                    table: table__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.PauseRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for PauseResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.PauseResponse", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for PauseResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = PauseResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.PauseResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<PauseResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(PauseResponse {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.PauseResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for PlanRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.options.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.PlanRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.options.is_empty() {
            struct_ser.serialize_field("options", &self.options)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for PlanRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "options",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Options,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "options" => Ok(GeneratedField::Options),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = PlanRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.PlanRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<PlanRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut options__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Options => {
                            if options__.is_some() {
                                return Err(serde::de::Error::duplicate_field("options"));
                            }
                            options__ = Some(
                                map_.next_value::<std::collections::BTreeMap<_, _>>()?
                            );
                        }
                    }
                }
                Ok(PlanRequest {
                    table: table__.unwrap_or_default(),
                    options: options__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.PlanRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for PlanResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.starting_snapshot_id.is_some() {
            len += 1;
        }
        if !self.groups.is_empty() {
            len += 1;
        }
        if !self.left_alone.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.PlanResponse", len)?;
        if let Some(v) = self.starting_snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("starting_snapshot_id", ToString::to_string(&v).as_str())?;
        }
        if !self.groups.is_empty() {
            struct_ser.serialize_field("groups", &self.groups)?;
        }
        if !self.left_alone.is_empty() {
            let v: std::collections::HashMap<_, _> = self.left_alone.iter()
                .map(|(k, v)| (k, v.to_string())).collect();
            struct_ser.serialize_field("left_alone", &v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for PlanResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "starting_snapshot_id",
            "startingSnapshotId",
            "groups",
            "left_alone",
            "leftAlone",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            StartingSnapshotId,
            Groups,
            LeftAlone,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "startingSnapshotId" | "starting_snapshot_id" => Ok(GeneratedField::StartingSnapshotId),
                            "groups" => Ok(GeneratedField::Groups),
                            "leftAlone" | "left_alone" => Ok(GeneratedField::LeftAlone),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = PlanResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.PlanResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<PlanResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut starting_snapshot_id__ = None;
                let mut groups__ = None;
                let mut left_alone__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::StartingSnapshotId => {
                            if starting_snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("startingSnapshotId"));
                            }
                            starting_snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::Groups => {
                            if groups__.is_some() {
                                return Err(serde::de::Error::duplicate_field("groups"));
                            }
                            groups__ = Some(map_.next_value()?);
                        }
                        GeneratedField::LeftAlone => {
                            if left_alone__.is_some() {
                                return Err(serde::de::Error::duplicate_field("leftAlone"));
                            }
                            left_alone__ = Some(
                                map_.next_value::<std::collections::BTreeMap<_, ::pbjson::private::NumberDeserialize<u64>>>()?
                                    .into_iter().map(|(k,v)| (k, v.0)).collect()
                            );
                        }
                    }
                }
                Ok(PlanResponse {
                    starting_snapshot_id: starting_snapshot_id__,
                    groups: groups__.unwrap_or_default(),
                    left_alone: left_alone__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.PlanResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for PlannedGroup {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.group_id != 0 {
            len += 1;
        }
        if self.input_files != 0 {
            len += 1;
        }
        if self.input_bytes != 0 {
            len += 1;
        }
        if !self.reasons.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.PlannedGroup", len)?;
        if self.group_id != 0 {
            struct_ser.serialize_field("group_id", &self.group_id)?;
        }
        if self.input_files != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("input_files", ToString::to_string(&self.input_files).as_str())?;
        }
        if self.input_bytes != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("input_bytes", ToString::to_string(&self.input_bytes).as_str())?;
        }
        if !self.reasons.is_empty() {
            struct_ser.serialize_field("reasons", &self.reasons)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for PlannedGroup {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "group_id",
            "groupId",
            "input_files",
            "inputFiles",
            "input_bytes",
            "inputBytes",
            "reasons",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            GroupId,
            InputFiles,
            InputBytes,
            Reasons,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "groupId" | "group_id" => Ok(GeneratedField::GroupId),
                            "inputFiles" | "input_files" => Ok(GeneratedField::InputFiles),
                            "inputBytes" | "input_bytes" => Ok(GeneratedField::InputBytes),
                            "reasons" => Ok(GeneratedField::Reasons),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = PlannedGroup;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.PlannedGroup")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<PlannedGroup, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut group_id__ = None;
                let mut input_files__ = None;
                let mut input_bytes__ = None;
                let mut reasons__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::GroupId => {
                            if group_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("groupId"));
                            }
                            group_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::InputFiles => {
                            if input_files__.is_some() {
                                return Err(serde::de::Error::duplicate_field("inputFiles"));
                            }
                            input_files__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::InputBytes => {
                            if input_bytes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("inputBytes"));
                            }
                            input_bytes__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Reasons => {
                            if reasons__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reasons"));
                            }
                            reasons__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(PlannedGroup {
                    group_id: group_id__.unwrap_or_default(),
                    input_files: input_files__.unwrap_or_default(),
                    input_bytes: input_bytes__.unwrap_or_default(),
                    reasons: reasons__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.PlannedGroup", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ReadChangesRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if self.mode != 0 {
            len += 1;
        }
        if !self.start.is_empty() {
            len += 1;
        }
        if !self.end.is_empty() {
            len += 1;
        }
        if !self.at.is_empty() {
            len += 1;
        }
        if self.follow {
            len += 1;
        }
        if !self.branch.is_empty() {
            len += 1;
        }
        if !self.columns.is_empty() {
            len += 1;
        }
        if !self.filter.is_empty() {
            len += 1;
        }
        if self.filter_updates != 0 {
            len += 1;
        }
        if !self.drop_kinds.is_empty() {
            len += 1;
        }
        if !self.key.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        if self.endpoints != 0 {
            len += 1;
        }
        if self.route != 0 {
            len += 1;
        }
        if self.lanes != 0 {
            len += 1;
        }
        if self.readers != 0 {
            len += 1;
        }
        if self.batch_rows != 0 {
            len += 1;
        }
        if self.schema != 0 {
            len += 1;
        }
        if self.schema_id.is_some() {
            len += 1;
        }
        if self.duplicate_keys != 0 {
            len += 1;
        }
        if self.replace_check != 0 {
            len += 1;
        }
        if self.on_replace_mismatch != 0 {
            len += 1;
        }
        if self.on_non_append != 0 {
            len += 1;
        }
        if self.on_key_change != 0 {
            len += 1;
        }
        if self.on_expired != 0 {
            len += 1;
        }
        if self.on_rollback != 0 {
            len += 1;
        }
        if self.emit_noop_updates {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ReadChangesRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if self.mode != 0 {
            let v = Mode::try_from(self.mode)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.mode)))?;
            struct_ser.serialize_field("mode", &v)?;
        }
        if !self.start.is_empty() {
            struct_ser.serialize_field("start", &self.start)?;
        }
        if !self.end.is_empty() {
            struct_ser.serialize_field("end", &self.end)?;
        }
        if !self.at.is_empty() {
            struct_ser.serialize_field("at", &self.at)?;
        }
        if self.follow {
            struct_ser.serialize_field("follow", &self.follow)?;
        }
        if !self.branch.is_empty() {
            struct_ser.serialize_field("branch", &self.branch)?;
        }
        if !self.columns.is_empty() {
            struct_ser.serialize_field("columns", &self.columns)?;
        }
        if !self.filter.is_empty() {
            struct_ser.serialize_field("filter", &self.filter)?;
        }
        if self.filter_updates != 0 {
            let v = FilterUpdates::try_from(self.filter_updates)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.filter_updates)))?;
            struct_ser.serialize_field("filter_updates", &v)?;
        }
        if !self.drop_kinds.is_empty() {
            let v = self.drop_kinds.iter().cloned().map(|v| {
                ChangeType::try_from(v)
                    .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", v)))
                }).collect::<std::result::Result<Vec<_>, _>>()?;
            struct_ser.serialize_field("drop_kinds", &v)?;
        }
        if !self.key.is_empty() {
            struct_ser.serialize_field("key", &self.key)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        if self.endpoints != 0 {
            struct_ser.serialize_field("endpoints", &self.endpoints)?;
        }
        if self.route != 0 {
            let v = Route::try_from(self.route)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.route)))?;
            struct_ser.serialize_field("route", &v)?;
        }
        if self.lanes != 0 {
            struct_ser.serialize_field("lanes", &self.lanes)?;
        }
        if self.readers != 0 {
            struct_ser.serialize_field("readers", &self.readers)?;
        }
        if self.batch_rows != 0 {
            struct_ser.serialize_field("batch_rows", &self.batch_rows)?;
        }
        if self.schema != 0 {
            let v = SchemaMode::try_from(self.schema)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.schema)))?;
            struct_ser.serialize_field("schema", &v)?;
        }
        if let Some(v) = self.schema_id.as_ref() {
            struct_ser.serialize_field("schema_id", v)?;
        }
        if self.duplicate_keys != 0 {
            let v = DuplicateKeys::try_from(self.duplicate_keys)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.duplicate_keys)))?;
            struct_ser.serialize_field("duplicate_keys", &v)?;
        }
        if self.replace_check != 0 {
            let v = ReplaceCheck::try_from(self.replace_check)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.replace_check)))?;
            struct_ser.serialize_field("replace_check", &v)?;
        }
        if self.on_replace_mismatch != 0 {
            let v = OnReplaceMismatch::try_from(self.on_replace_mismatch)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.on_replace_mismatch)))?;
            struct_ser.serialize_field("on_replace_mismatch", &v)?;
        }
        if self.on_non_append != 0 {
            let v = OnNonAppend::try_from(self.on_non_append)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.on_non_append)))?;
            struct_ser.serialize_field("on_non_append", &v)?;
        }
        if self.on_key_change != 0 {
            let v = OnKeyChange::try_from(self.on_key_change)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.on_key_change)))?;
            struct_ser.serialize_field("on_key_change", &v)?;
        }
        if self.on_expired != 0 {
            let v = OnExpired::try_from(self.on_expired)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.on_expired)))?;
            struct_ser.serialize_field("on_expired", &v)?;
        }
        if self.on_rollback != 0 {
            let v = OnRollback::try_from(self.on_rollback)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.on_rollback)))?;
            struct_ser.serialize_field("on_rollback", &v)?;
        }
        if self.emit_noop_updates {
            struct_ser.serialize_field("emit_noop_updates", &self.emit_noop_updates)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ReadChangesRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "mode",
            "start",
            "end",
            "at",
            "follow",
            "branch",
            "columns",
            "filter",
            "filter_updates",
            "filterUpdates",
            "drop_kinds",
            "dropKinds",
            "key",
            "group",
            "endpoints",
            "route",
            "lanes",
            "readers",
            "batch_rows",
            "batchRows",
            "schema",
            "schema_id",
            "schemaId",
            "duplicate_keys",
            "duplicateKeys",
            "replace_check",
            "replaceCheck",
            "on_replace_mismatch",
            "onReplaceMismatch",
            "on_non_append",
            "onNonAppend",
            "on_key_change",
            "onKeyChange",
            "on_expired",
            "onExpired",
            "on_rollback",
            "onRollback",
            "emit_noop_updates",
            "emitNoopUpdates",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Mode,
            Start,
            End,
            At,
            Follow,
            Branch,
            Columns,
            Filter,
            FilterUpdates,
            DropKinds,
            Key,
            Group,
            Endpoints,
            Route,
            Lanes,
            Readers,
            BatchRows,
            Schema,
            SchemaId,
            DuplicateKeys,
            ReplaceCheck,
            OnReplaceMismatch,
            OnNonAppend,
            OnKeyChange,
            OnExpired,
            OnRollback,
            EmitNoopUpdates,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "mode" => Ok(GeneratedField::Mode),
                            "start" => Ok(GeneratedField::Start),
                            "end" => Ok(GeneratedField::End),
                            "at" => Ok(GeneratedField::At),
                            "follow" => Ok(GeneratedField::Follow),
                            "branch" => Ok(GeneratedField::Branch),
                            "columns" => Ok(GeneratedField::Columns),
                            "filter" => Ok(GeneratedField::Filter),
                            "filterUpdates" | "filter_updates" => Ok(GeneratedField::FilterUpdates),
                            "dropKinds" | "drop_kinds" => Ok(GeneratedField::DropKinds),
                            "key" => Ok(GeneratedField::Key),
                            "group" => Ok(GeneratedField::Group),
                            "endpoints" => Ok(GeneratedField::Endpoints),
                            "route" => Ok(GeneratedField::Route),
                            "lanes" => Ok(GeneratedField::Lanes),
                            "readers" => Ok(GeneratedField::Readers),
                            "batchRows" | "batch_rows" => Ok(GeneratedField::BatchRows),
                            "schema" => Ok(GeneratedField::Schema),
                            "schemaId" | "schema_id" => Ok(GeneratedField::SchemaId),
                            "duplicateKeys" | "duplicate_keys" => Ok(GeneratedField::DuplicateKeys),
                            "replaceCheck" | "replace_check" => Ok(GeneratedField::ReplaceCheck),
                            "onReplaceMismatch" | "on_replace_mismatch" => Ok(GeneratedField::OnReplaceMismatch),
                            "onNonAppend" | "on_non_append" => Ok(GeneratedField::OnNonAppend),
                            "onKeyChange" | "on_key_change" => Ok(GeneratedField::OnKeyChange),
                            "onExpired" | "on_expired" => Ok(GeneratedField::OnExpired),
                            "onRollback" | "on_rollback" => Ok(GeneratedField::OnRollback),
                            "emitNoopUpdates" | "emit_noop_updates" => Ok(GeneratedField::EmitNoopUpdates),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ReadChangesRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ReadChangesRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ReadChangesRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut mode__ = None;
                let mut start__ = None;
                let mut end__ = None;
                let mut at__ = None;
                let mut follow__ = None;
                let mut branch__ = None;
                let mut columns__ = None;
                let mut filter__ = None;
                let mut filter_updates__ = None;
                let mut drop_kinds__ = None;
                let mut key__ = None;
                let mut group__ = None;
                let mut endpoints__ = None;
                let mut route__ = None;
                let mut lanes__ = None;
                let mut readers__ = None;
                let mut batch_rows__ = None;
                let mut schema__ = None;
                let mut schema_id__ = None;
                let mut duplicate_keys__ = None;
                let mut replace_check__ = None;
                let mut on_replace_mismatch__ = None;
                let mut on_non_append__ = None;
                let mut on_key_change__ = None;
                let mut on_expired__ = None;
                let mut on_rollback__ = None;
                let mut emit_noop_updates__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Mode => {
                            if mode__.is_some() {
                                return Err(serde::de::Error::duplicate_field("mode"));
                            }
                            mode__ = Some(map_.next_value::<Mode>()? as i32);
                        }
                        GeneratedField::Start => {
                            if start__.is_some() {
                                return Err(serde::de::Error::duplicate_field("start"));
                            }
                            start__ = Some(map_.next_value()?);
                        }
                        GeneratedField::End => {
                            if end__.is_some() {
                                return Err(serde::de::Error::duplicate_field("end"));
                            }
                            end__ = Some(map_.next_value()?);
                        }
                        GeneratedField::At => {
                            if at__.is_some() {
                                return Err(serde::de::Error::duplicate_field("at"));
                            }
                            at__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Follow => {
                            if follow__.is_some() {
                                return Err(serde::de::Error::duplicate_field("follow"));
                            }
                            follow__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Branch => {
                            if branch__.is_some() {
                                return Err(serde::de::Error::duplicate_field("branch"));
                            }
                            branch__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Columns => {
                            if columns__.is_some() {
                                return Err(serde::de::Error::duplicate_field("columns"));
                            }
                            columns__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Filter => {
                            if filter__.is_some() {
                                return Err(serde::de::Error::duplicate_field("filter"));
                            }
                            filter__ = Some(map_.next_value()?);
                        }
                        GeneratedField::FilterUpdates => {
                            if filter_updates__.is_some() {
                                return Err(serde::de::Error::duplicate_field("filterUpdates"));
                            }
                            filter_updates__ = Some(map_.next_value::<FilterUpdates>()? as i32);
                        }
                        GeneratedField::DropKinds => {
                            if drop_kinds__.is_some() {
                                return Err(serde::de::Error::duplicate_field("dropKinds"));
                            }
                            drop_kinds__ = Some(map_.next_value::<Vec<ChangeType>>()?.into_iter().map(|x| x as i32).collect());
                        }
                        GeneratedField::Key => {
                            if key__.is_some() {
                                return Err(serde::de::Error::duplicate_field("key"));
                            }
                            key__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Endpoints => {
                            if endpoints__.is_some() {
                                return Err(serde::de::Error::duplicate_field("endpoints"));
                            }
                            endpoints__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Route => {
                            if route__.is_some() {
                                return Err(serde::de::Error::duplicate_field("route"));
                            }
                            route__ = Some(map_.next_value::<Route>()? as i32);
                        }
                        GeneratedField::Lanes => {
                            if lanes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("lanes"));
                            }
                            lanes__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Readers => {
                            if readers__.is_some() {
                                return Err(serde::de::Error::duplicate_field("readers"));
                            }
                            readers__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::BatchRows => {
                            if batch_rows__.is_some() {
                                return Err(serde::de::Error::duplicate_field("batchRows"));
                            }
                            batch_rows__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Schema => {
                            if schema__.is_some() {
                                return Err(serde::de::Error::duplicate_field("schema"));
                            }
                            schema__ = Some(map_.next_value::<SchemaMode>()? as i32);
                        }
                        GeneratedField::SchemaId => {
                            if schema_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("schemaId"));
                            }
                            schema_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::DuplicateKeys => {
                            if duplicate_keys__.is_some() {
                                return Err(serde::de::Error::duplicate_field("duplicateKeys"));
                            }
                            duplicate_keys__ = Some(map_.next_value::<DuplicateKeys>()? as i32);
                        }
                        GeneratedField::ReplaceCheck => {
                            if replace_check__.is_some() {
                                return Err(serde::de::Error::duplicate_field("replaceCheck"));
                            }
                            replace_check__ = Some(map_.next_value::<ReplaceCheck>()? as i32);
                        }
                        GeneratedField::OnReplaceMismatch => {
                            if on_replace_mismatch__.is_some() {
                                return Err(serde::de::Error::duplicate_field("onReplaceMismatch"));
                            }
                            on_replace_mismatch__ = Some(map_.next_value::<OnReplaceMismatch>()? as i32);
                        }
                        GeneratedField::OnNonAppend => {
                            if on_non_append__.is_some() {
                                return Err(serde::de::Error::duplicate_field("onNonAppend"));
                            }
                            on_non_append__ = Some(map_.next_value::<OnNonAppend>()? as i32);
                        }
                        GeneratedField::OnKeyChange => {
                            if on_key_change__.is_some() {
                                return Err(serde::de::Error::duplicate_field("onKeyChange"));
                            }
                            on_key_change__ = Some(map_.next_value::<OnKeyChange>()? as i32);
                        }
                        GeneratedField::OnExpired => {
                            if on_expired__.is_some() {
                                return Err(serde::de::Error::duplicate_field("onExpired"));
                            }
                            on_expired__ = Some(map_.next_value::<OnExpired>()? as i32);
                        }
                        GeneratedField::OnRollback => {
                            if on_rollback__.is_some() {
                                return Err(serde::de::Error::duplicate_field("onRollback"));
                            }
                            on_rollback__ = Some(map_.next_value::<OnRollback>()? as i32);
                        }
                        GeneratedField::EmitNoopUpdates => {
                            if emit_noop_updates__.is_some() {
                                return Err(serde::de::Error::duplicate_field("emitNoopUpdates"));
                            }
                            emit_noop_updates__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ReadChangesRequest {
                    table: table__.unwrap_or_default(),
                    mode: mode__.unwrap_or_default(),
                    start: start__.unwrap_or_default(),
                    end: end__.unwrap_or_default(),
                    at: at__.unwrap_or_default(),
                    follow: follow__.unwrap_or_default(),
                    branch: branch__.unwrap_or_default(),
                    columns: columns__.unwrap_or_default(),
                    filter: filter__.unwrap_or_default(),
                    filter_updates: filter_updates__.unwrap_or_default(),
                    drop_kinds: drop_kinds__.unwrap_or_default(),
                    key: key__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                    endpoints: endpoints__.unwrap_or_default(),
                    route: route__.unwrap_or_default(),
                    lanes: lanes__.unwrap_or_default(),
                    readers: readers__.unwrap_or_default(),
                    batch_rows: batch_rows__.unwrap_or_default(),
                    schema: schema__.unwrap_or_default(),
                    schema_id: schema_id__,
                    duplicate_keys: duplicate_keys__.unwrap_or_default(),
                    replace_check: replace_check__.unwrap_or_default(),
                    on_replace_mismatch: on_replace_mismatch__.unwrap_or_default(),
                    on_non_append: on_non_append__.unwrap_or_default(),
                    on_key_change: on_key_change__.unwrap_or_default(),
                    on_expired: on_expired__.unwrap_or_default(),
                    on_rollback: on_rollback__.unwrap_or_default(),
                    emit_noop_updates: emit_noop_updates__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ReadChangesRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ReplaceCheck {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "REPLACE_CHECK_UNSPECIFIED",
            Self::Trust => "REPLACE_CHECK_TRUST",
            Self::Metadata => "REPLACE_CHECK_METADATA",
            Self::Full => "REPLACE_CHECK_FULL",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for ReplaceCheck {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "REPLACE_CHECK_UNSPECIFIED",
            "REPLACE_CHECK_TRUST",
            "REPLACE_CHECK_METADATA",
            "REPLACE_CHECK_FULL",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = ReplaceCheck;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "REPLACE_CHECK_UNSPECIFIED" => Ok(ReplaceCheck::Unspecified),
                    "REPLACE_CHECK_TRUST" => Ok(ReplaceCheck::Trust),
                    "REPLACE_CHECK_METADATA" => Ok(ReplaceCheck::Metadata),
                    "REPLACE_CHECK_FULL" => Ok(ReplaceCheck::Full),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for ResetGroupRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        if !self.start.is_empty() {
            len += 1;
        }
        if self.dry_run {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ResetGroupRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        if !self.start.is_empty() {
            struct_ser.serialize_field("start", &self.start)?;
        }
        if self.dry_run {
            struct_ser.serialize_field("dry_run", &self.dry_run)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ResetGroupRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "group",
            "start",
            "dry_run",
            "dryRun",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Group,
            Start,
            DryRun,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "group" => Ok(GeneratedField::Group),
                            "start" => Ok(GeneratedField::Start),
                            "dryRun" | "dry_run" => Ok(GeneratedField::DryRun),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ResetGroupRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ResetGroupRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ResetGroupRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut group__ = None;
                let mut start__ = None;
                let mut dry_run__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Start => {
                            if start__.is_some() {
                                return Err(serde::de::Error::duplicate_field("start"));
                            }
                            start__ = Some(map_.next_value()?);
                        }
                        GeneratedField::DryRun => {
                            if dry_run__.is_some() {
                                return Err(serde::de::Error::duplicate_field("dryRun"));
                            }
                            dry_run__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ResetGroupRequest {
                    table: table__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                    start: start__.unwrap_or_default(),
                    dry_run: dry_run__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ResetGroupRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ResetGroupResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.group.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ResetGroupResponse", len)?;
        if let Some(v) = self.group.as_ref() {
            struct_ser.serialize_field("group", v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ResetGroupResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "group",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Group,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "group" => Ok(GeneratedField::Group),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ResetGroupResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ResetGroupResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ResetGroupResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut group__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = map_.next_value()?;
                        }
                    }
                }
                Ok(ResetGroupResponse {
                    group: group__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ResetGroupResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ResumeRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ResumeRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ResumeRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ResumeRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ResumeRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ResumeRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ResumeRequest {
                    table: table__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ResumeRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ResumeResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.ResumeResponse", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ResumeResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ResumeResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ResumeResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ResumeResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(ResumeResponse {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ResumeResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Rollback {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.undone_snapshot_id != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.Rollback", len)?;
        if self.undone_snapshot_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("undone_snapshot_id", ToString::to_string(&self.undone_snapshot_id).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Rollback {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "undone_snapshot_id",
            "undoneSnapshotId",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            UndoneSnapshotId,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "undoneSnapshotId" | "undone_snapshot_id" => Ok(GeneratedField::UndoneSnapshotId),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Rollback;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.Rollback")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Rollback, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut undone_snapshot_id__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::UndoneSnapshotId => {
                            if undone_snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("undoneSnapshotId"));
                            }
                            undone_snapshot_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Rollback {
                    undone_snapshot_id: undone_snapshot_id__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.Rollback", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Route {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "ROUTE_UNSPECIFIED",
            Self::Partition => "ROUTE_PARTITION",
            Self::Key => "ROUTE_KEY",
            Self::File => "ROUTE_FILE",
            Self::Single => "ROUTE_SINGLE",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for Route {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ROUTE_UNSPECIFIED",
            "ROUTE_PARTITION",
            "ROUTE_KEY",
            "ROUTE_FILE",
            "ROUTE_SINGLE",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = Route;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "ROUTE_UNSPECIFIED" => Ok(Route::Unspecified),
                    "ROUTE_PARTITION" => Ok(Route::Partition),
                    "ROUTE_KEY" => Ok(Route::Key),
                    "ROUTE_FILE" => Ok(Route::File),
                    "ROUTE_SINGLE" => Ok(Route::Single),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for RunRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.options.is_empty() {
            len += 1;
        }
        if self.wait {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.RunRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.options.is_empty() {
            struct_ser.serialize_field("options", &self.options)?;
        }
        if self.wait {
            struct_ser.serialize_field("wait", &self.wait)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for RunRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "options",
            "wait",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Options,
            Wait,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "options" => Ok(GeneratedField::Options),
                            "wait" => Ok(GeneratedField::Wait),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = RunRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.RunRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<RunRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut options__ = None;
                let mut wait__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Options => {
                            if options__.is_some() {
                                return Err(serde::de::Error::duplicate_field("options"));
                            }
                            options__ = Some(
                                map_.next_value::<std::collections::BTreeMap<_, _>>()?
                            );
                        }
                        GeneratedField::Wait => {
                            if wait__.is_some() {
                                return Err(serde::de::Error::duplicate_field("wait"));
                            }
                            wait__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(RunRequest {
                    table: table__.unwrap_or_default(),
                    options: options__.unwrap_or_default(),
                    wait: wait__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.RunRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for RunResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.run.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.RunResponse", len)?;
        if let Some(v) = self.run.as_ref() {
            struct_ser.serialize_field("run", v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for RunResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "run",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Run,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "run" => Ok(GeneratedField::Run),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = RunResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.RunResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<RunResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut run__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Run => {
                            if run__.is_some() {
                                return Err(serde::de::Error::duplicate_field("run"));
                            }
                            run__ = map_.next_value()?;
                        }
                    }
                }
                Ok(RunResponse {
                    run: run__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.RunResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for RunState {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "RUN_STATE_UNSPECIFIED",
            Self::Queued => "RUN_STATE_QUEUED",
            Self::Running => "RUN_STATE_RUNNING",
            Self::Succeeded => "RUN_STATE_SUCCEEDED",
            Self::Partial => "RUN_STATE_PARTIAL",
            Self::Failed => "RUN_STATE_FAILED",
            Self::Cancelled => "RUN_STATE_CANCELLED",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for RunState {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "RUN_STATE_UNSPECIFIED",
            "RUN_STATE_QUEUED",
            "RUN_STATE_RUNNING",
            "RUN_STATE_SUCCEEDED",
            "RUN_STATE_PARTIAL",
            "RUN_STATE_FAILED",
            "RUN_STATE_CANCELLED",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = RunState;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "RUN_STATE_UNSPECIFIED" => Ok(RunState::Unspecified),
                    "RUN_STATE_QUEUED" => Ok(RunState::Queued),
                    "RUN_STATE_RUNNING" => Ok(RunState::Running),
                    "RUN_STATE_SUCCEEDED" => Ok(RunState::Succeeded),
                    "RUN_STATE_PARTIAL" => Ok(RunState::Partial),
                    "RUN_STATE_FAILED" => Ok(RunState::Failed),
                    "RUN_STATE_CANCELLED" => Ok(RunState::Cancelled),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for ScheduledTable {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.group.is_empty() {
            len += 1;
        }
        if self.due_at_ms.is_some() {
            len += 1;
        }
        if self.is_paused {
            len += 1;
        }
        if self.failures != 0 {
            len += 1;
        }
        if !self.breaker_reason.is_empty() {
            len += 1;
        }
        if !self.problem.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.ScheduledTable", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.group.is_empty() {
            struct_ser.serialize_field("group", &self.group)?;
        }
        if let Some(v) = self.due_at_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("due_at_ms", ToString::to_string(&v).as_str())?;
        }
        if self.is_paused {
            struct_ser.serialize_field("is_paused", &self.is_paused)?;
        }
        if self.failures != 0 {
            struct_ser.serialize_field("failures", &self.failures)?;
        }
        if !self.breaker_reason.is_empty() {
            struct_ser.serialize_field("breaker_reason", &self.breaker_reason)?;
        }
        if !self.problem.is_empty() {
            struct_ser.serialize_field("problem", &self.problem)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ScheduledTable {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "group",
            "due_at_ms",
            "dueAtMs",
            "is_paused",
            "isPaused",
            "failures",
            "breaker_reason",
            "breakerReason",
            "problem",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Group,
            DueAtMs,
            IsPaused,
            Failures,
            BreakerReason,
            Problem,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "group" => Ok(GeneratedField::Group),
                            "dueAtMs" | "due_at_ms" => Ok(GeneratedField::DueAtMs),
                            "isPaused" | "is_paused" => Ok(GeneratedField::IsPaused),
                            "failures" => Ok(GeneratedField::Failures),
                            "breakerReason" | "breaker_reason" => Ok(GeneratedField::BreakerReason),
                            "problem" => Ok(GeneratedField::Problem),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ScheduledTable;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.ScheduledTable")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ScheduledTable, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut group__ = None;
                let mut due_at_ms__ = None;
                let mut is_paused__ = None;
                let mut failures__ = None;
                let mut breaker_reason__ = None;
                let mut problem__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Group => {
                            if group__.is_some() {
                                return Err(serde::de::Error::duplicate_field("group"));
                            }
                            group__ = Some(map_.next_value()?);
                        }
                        GeneratedField::DueAtMs => {
                            if due_at_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("dueAtMs"));
                            }
                            due_at_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::IsPaused => {
                            if is_paused__.is_some() {
                                return Err(serde::de::Error::duplicate_field("isPaused"));
                            }
                            is_paused__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Failures => {
                            if failures__.is_some() {
                                return Err(serde::de::Error::duplicate_field("failures"));
                            }
                            failures__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::BreakerReason => {
                            if breaker_reason__.is_some() {
                                return Err(serde::de::Error::duplicate_field("breakerReason"));
                            }
                            breaker_reason__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Problem => {
                            if problem__.is_some() {
                                return Err(serde::de::Error::duplicate_field("problem"));
                            }
                            problem__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(ScheduledTable {
                    table: table__.unwrap_or_default(),
                    group: group__.unwrap_or_default(),
                    due_at_ms: due_at_ms__,
                    is_paused: is_paused__.unwrap_or_default(),
                    failures: failures__.unwrap_or_default(),
                    breaker_reason: breaker_reason__.unwrap_or_default(),
                    problem: problem__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.ScheduledTable", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for SchemaChange {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.from_schema_id != 0 {
            len += 1;
        }
        if self.to_schema_id != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.SchemaChange", len)?;
        if self.from_schema_id != 0 {
            struct_ser.serialize_field("from_schema_id", &self.from_schema_id)?;
        }
        if self.to_schema_id != 0 {
            struct_ser.serialize_field("to_schema_id", &self.to_schema_id)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for SchemaChange {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "from_schema_id",
            "fromSchemaId",
            "to_schema_id",
            "toSchemaId",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            FromSchemaId,
            ToSchemaId,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "fromSchemaId" | "from_schema_id" => Ok(GeneratedField::FromSchemaId),
                            "toSchemaId" | "to_schema_id" => Ok(GeneratedField::ToSchemaId),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = SchemaChange;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.SchemaChange")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<SchemaChange, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut from_schema_id__ = None;
                let mut to_schema_id__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::FromSchemaId => {
                            if from_schema_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("fromSchemaId"));
                            }
                            from_schema_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ToSchemaId => {
                            if to_schema_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("toSchemaId"));
                            }
                            to_schema_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(SchemaChange {
                    from_schema_id: from_schema_id__.unwrap_or_default(),
                    to_schema_id: to_schema_id__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.SchemaChange", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for SchemaMode {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "SCHEMA_MODE_UNSPECIFIED",
            Self::PinnedToEnd => "SCHEMA_MODE_PINNED_TO_END",
            Self::Pinned => "SCHEMA_MODE_PINNED",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for SchemaMode {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "SCHEMA_MODE_UNSPECIFIED",
            "SCHEMA_MODE_PINNED_TO_END",
            "SCHEMA_MODE_PINNED",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = SchemaMode;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "SCHEMA_MODE_UNSPECIFIED" => Ok(SchemaMode::Unspecified),
                    "SCHEMA_MODE_PINNED_TO_END" => Ok(SchemaMode::PinnedToEnd),
                    "SCHEMA_MODE_PINNED" => Ok(SchemaMode::Pinned),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for SnapshotEnd {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.ordinal != 0 {
            len += 1;
        }
        if self.timestamp_ms != 0 {
            len += 1;
        }
        if !self.operation.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.SnapshotEnd", len)?;
        if self.ordinal != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("ordinal", ToString::to_string(&self.ordinal).as_str())?;
        }
        if self.timestamp_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("timestamp_ms", ToString::to_string(&self.timestamp_ms).as_str())?;
        }
        if !self.operation.is_empty() {
            struct_ser.serialize_field("operation", &self.operation)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for SnapshotEnd {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ordinal",
            "timestamp_ms",
            "timestampMs",
            "operation",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Ordinal,
            TimestampMs,
            Operation,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "ordinal" => Ok(GeneratedField::Ordinal),
                            "timestampMs" | "timestamp_ms" => Ok(GeneratedField::TimestampMs),
                            "operation" => Ok(GeneratedField::Operation),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = SnapshotEnd;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.SnapshotEnd")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<SnapshotEnd, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut ordinal__ = None;
                let mut timestamp_ms__ = None;
                let mut operation__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Ordinal => {
                            if ordinal__.is_some() {
                                return Err(serde::de::Error::duplicate_field("ordinal"));
                            }
                            ordinal__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::TimestampMs => {
                            if timestamp_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("timestampMs"));
                            }
                            timestamp_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Operation => {
                            if operation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("operation"));
                            }
                            operation__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(SnapshotEnd {
                    ordinal: ordinal__.unwrap_or_default(),
                    timestamp_ms: timestamp_ms__.unwrap_or_default(),
                    operation: operation__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.SnapshotEnd", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for StatusRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("frazil.v1.StatusRequest", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for StatusRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = StatusRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.StatusRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<StatusRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(StatusRequest {
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.StatusRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for StatusResponse {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.runs.is_empty() {
            len += 1;
        }
        if !self.tables.is_empty() {
            len += 1;
        }
        if self.is_paused {
            len += 1;
        }
        if self.is_draining {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.StatusResponse", len)?;
        if !self.runs.is_empty() {
            struct_ser.serialize_field("runs", &self.runs)?;
        }
        if !self.tables.is_empty() {
            struct_ser.serialize_field("tables", &self.tables)?;
        }
        if self.is_paused {
            struct_ser.serialize_field("is_paused", &self.is_paused)?;
        }
        if self.is_draining {
            struct_ser.serialize_field("is_draining", &self.is_draining)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for StatusResponse {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "runs",
            "tables",
            "is_paused",
            "isPaused",
            "is_draining",
            "isDraining",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Runs,
            Tables,
            IsPaused,
            IsDraining,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "runs" => Ok(GeneratedField::Runs),
                            "tables" => Ok(GeneratedField::Tables),
                            "isPaused" | "is_paused" => Ok(GeneratedField::IsPaused),
                            "isDraining" | "is_draining" => Ok(GeneratedField::IsDraining),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = StatusResponse;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.StatusResponse")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<StatusResponse, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut runs__ = None;
                let mut tables__ = None;
                let mut is_paused__ = None;
                let mut is_draining__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Runs => {
                            if runs__.is_some() {
                                return Err(serde::de::Error::duplicate_field("runs"));
                            }
                            runs__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Tables => {
                            if tables__.is_some() {
                                return Err(serde::de::Error::duplicate_field("tables"));
                            }
                            tables__ = Some(map_.next_value()?);
                        }
                        GeneratedField::IsPaused => {
                            if is_paused__.is_some() {
                                return Err(serde::de::Error::duplicate_field("isPaused"));
                            }
                            is_paused__ = Some(map_.next_value()?);
                        }
                        GeneratedField::IsDraining => {
                            if is_draining__.is_some() {
                                return Err(serde::de::Error::duplicate_field("isDraining"));
                            }
                            is_draining__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(StatusResponse {
                    runs: runs__.unwrap_or_default(),
                    tables: tables__.unwrap_or_default(),
                    is_paused: is_paused__.unwrap_or_default(),
                    is_draining: is_draining__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.StatusResponse", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for StreamMetadata {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.position.is_empty() {
            len += 1;
        }
        if self.snapshot_watermark_ms.is_some() {
            len += 1;
        }
        if self.table_watermark_ms.is_some() {
            len += 1;
        }
        if self.snapshot_id.is_some() {
            len += 1;
        }
        if self.marker.is_some() {
            len += 1;
        }
        if self.last_checked_ms.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.StreamMetadata", len)?;
        if !self.position.is_empty() {
            struct_ser.serialize_field("position", &self.position)?;
        }
        if let Some(v) = self.snapshot_watermark_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshot_watermark_ms", ToString::to_string(&v).as_str())?;
        }
        if let Some(v) = self.table_watermark_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("table_watermark_ms", ToString::to_string(&v).as_str())?;
        }
        if let Some(v) = self.snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshot_id", ToString::to_string(&v).as_str())?;
        }
        if let Some(v) = self.marker.as_ref() {
            struct_ser.serialize_field("marker", v)?;
        }
        if let Some(v) = self.last_checked_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("last_checked_ms", ToString::to_string(&v).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for StreamMetadata {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "position",
            "snapshot_watermark_ms",
            "snapshotWatermarkMs",
            "table_watermark_ms",
            "tableWatermarkMs",
            "snapshot_id",
            "snapshotId",
            "marker",
            "last_checked_ms",
            "lastCheckedMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Position,
            SnapshotWatermarkMs,
            TableWatermarkMs,
            SnapshotId,
            Marker,
            LastCheckedMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "position" => Ok(GeneratedField::Position),
                            "snapshotWatermarkMs" | "snapshot_watermark_ms" => Ok(GeneratedField::SnapshotWatermarkMs),
                            "tableWatermarkMs" | "table_watermark_ms" => Ok(GeneratedField::TableWatermarkMs),
                            "snapshotId" | "snapshot_id" => Ok(GeneratedField::SnapshotId),
                            "marker" => Ok(GeneratedField::Marker),
                            "lastCheckedMs" | "last_checked_ms" => Ok(GeneratedField::LastCheckedMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = StreamMetadata;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.StreamMetadata")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<StreamMetadata, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut position__ = None;
                let mut snapshot_watermark_ms__ = None;
                let mut table_watermark_ms__ = None;
                let mut snapshot_id__ = None;
                let mut marker__ = None;
                let mut last_checked_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Position => {
                            if position__.is_some() {
                                return Err(serde::de::Error::duplicate_field("position"));
                            }
                            position__ = Some(map_.next_value()?);
                        }
                        GeneratedField::SnapshotWatermarkMs => {
                            if snapshot_watermark_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotWatermarkMs"));
                            }
                            snapshot_watermark_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::TableWatermarkMs => {
                            if table_watermark_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("tableWatermarkMs"));
                            }
                            table_watermark_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::SnapshotId => {
                            if snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotId"));
                            }
                            snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::Marker => {
                            if marker__.is_some() {
                                return Err(serde::de::Error::duplicate_field("marker"));
                            }
                            marker__ = map_.next_value()?;
                        }
                        GeneratedField::LastCheckedMs => {
                            if last_checked_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("lastCheckedMs"));
                            }
                            last_checked_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                    }
                }
                Ok(StreamMetadata {
                    position: position__.unwrap_or_default(),
                    snapshot_watermark_ms: snapshot_watermark_ms__,
                    table_watermark_ms: table_watermark_ms__,
                    snapshot_id: snapshot_id__,
                    marker: marker__,
                    last_checked_ms: last_checked_ms__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.StreamMetadata", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Truncate {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.consumed_snapshot_id.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.Truncate", len)?;
        if let Some(v) = self.consumed_snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("consumed_snapshot_id", ToString::to_string(&v).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Truncate {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "consumed_snapshot_id",
            "consumedSnapshotId",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            ConsumedSnapshotId,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "consumedSnapshotId" | "consumed_snapshot_id" => Ok(GeneratedField::ConsumedSnapshotId),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Truncate;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.Truncate")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Truncate, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut consumed_snapshot_id__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::ConsumedSnapshotId => {
                            if consumed_snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("consumedSnapshotId"));
                            }
                            consumed_snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                    }
                }
                Ok(Truncate {
                    consumed_snapshot_id: consumed_snapshot_id__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.Truncate", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for WaitWatermarkRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.table.is_empty() {
            len += 1;
        }
        if !self.branch.is_empty() {
            len += 1;
        }
        if !self.names.is_empty() {
            len += 1;
        }
        if self.reach_ms.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.WaitWatermarkRequest", len)?;
        if !self.table.is_empty() {
            struct_ser.serialize_field("table", &self.table)?;
        }
        if !self.branch.is_empty() {
            struct_ser.serialize_field("branch", &self.branch)?;
        }
        if !self.names.is_empty() {
            struct_ser.serialize_field("names", &self.names)?;
        }
        if let Some(v) = self.reach_ms.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("reach_ms", ToString::to_string(&v).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for WaitWatermarkRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "table",
            "branch",
            "names",
            "reach_ms",
            "reachMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Table,
            Branch,
            Names,
            ReachMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "table" => Ok(GeneratedField::Table),
                            "branch" => Ok(GeneratedField::Branch),
                            "names" => Ok(GeneratedField::Names),
                            "reachMs" | "reach_ms" => Ok(GeneratedField::ReachMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = WaitWatermarkRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.WaitWatermarkRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<WaitWatermarkRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut table__ = None;
                let mut branch__ = None;
                let mut names__ = None;
                let mut reach_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Table => {
                            if table__.is_some() {
                                return Err(serde::de::Error::duplicate_field("table"));
                            }
                            table__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Branch => {
                            if branch__.is_some() {
                                return Err(serde::de::Error::duplicate_field("branch"));
                            }
                            branch__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Names => {
                            if names__.is_some() {
                                return Err(serde::de::Error::duplicate_field("names"));
                            }
                            names__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ReachMs => {
                            if reach_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reachMs"));
                            }
                            reach_ms__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                    }
                }
                Ok(WaitWatermarkRequest {
                    table: table__.unwrap_or_default(),
                    branch: branch__.unwrap_or_default(),
                    names: names__.unwrap_or_default(),
                    reach_ms: reach_ms__,
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.WaitWatermarkRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for WriterWatermark {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if self.watermark_ms != 0 {
            len += 1;
        }
        if !self.key.is_empty() {
            len += 1;
        }
        if self.snapshot_id.is_some() {
            len += 1;
        }
        if self.is_idle {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("frazil.v1.WriterWatermark", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if self.watermark_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("watermark_ms", ToString::to_string(&self.watermark_ms).as_str())?;
        }
        if !self.key.is_empty() {
            struct_ser.serialize_field("key", &self.key)?;
        }
        if let Some(v) = self.snapshot_id.as_ref() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("snapshot_id", ToString::to_string(&v).as_str())?;
        }
        if self.is_idle {
            struct_ser.serialize_field("is_idle", &self.is_idle)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for WriterWatermark {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "watermark_ms",
            "watermarkMs",
            "key",
            "snapshot_id",
            "snapshotId",
            "is_idle",
            "isIdle",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            WatermarkMs,
            Key,
            SnapshotId,
            IsIdle,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "watermarkMs" | "watermark_ms" => Ok(GeneratedField::WatermarkMs),
                            "key" => Ok(GeneratedField::Key),
                            "snapshotId" | "snapshot_id" => Ok(GeneratedField::SnapshotId),
                            "isIdle" | "is_idle" => Ok(GeneratedField::IsIdle),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = WriterWatermark;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct frazil.v1.WriterWatermark")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<WriterWatermark, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut watermark_ms__ = None;
                let mut key__ = None;
                let mut snapshot_id__ = None;
                let mut is_idle__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::WatermarkMs => {
                            if watermark_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("watermarkMs"));
                            }
                            watermark_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Key => {
                            if key__.is_some() {
                                return Err(serde::de::Error::duplicate_field("key"));
                            }
                            key__ = Some(map_.next_value()?);
                        }
                        GeneratedField::SnapshotId => {
                            if snapshot_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("snapshotId"));
                            }
                            snapshot_id__ = 
                                map_.next_value::<::std::option::Option<::pbjson::private::NumberDeserialize<_>>>()?.map(|x| x.0)
                            ;
                        }
                        GeneratedField::IsIdle => {
                            if is_idle__.is_some() {
                                return Err(serde::de::Error::duplicate_field("isIdle"));
                            }
                            is_idle__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(WriterWatermark {
                    name: name__.unwrap_or_default(),
                    watermark_ms: watermark_ms__.unwrap_or_default(),
                    key: key__.unwrap_or_default(),
                    snapshot_id: snapshot_id__,
                    is_idle: is_idle__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("frazil.v1.WriterWatermark", FIELDS, GeneratedVisitor)
    }
}
