//! Made by volo-build 0.12.3 from echo.proto; not written by hand.

#![allow(warnings, clippy::all)]
use ::pilota::{Buf as _, BufMut as _};
pub mod ferrywire {
    use ::pilota::{Buf as _, BufMut as _};

    pub mod bench {
        use ::pilota::{Buf as _, BufMut as _};
        #[derive(PartialOrd, Hash, Eq, Ord, Debug, Default, Clone, PartialEq)]
        pub struct Payload {
            pub data: ::pilota::Bytes,
        }
        impl ::pilota::pb::Message for Payload {
            #[inline]
            fn encoded_len(&self, ctx: &mut ::pilota::pb::EncodeLengthContext) -> usize {
                0 + ::pilota::pb::encoding::bytes::encoded_len(ctx, 1, &self.data)
            }

            #[allow(unused_variables)]
            fn encode_raw(&self, buf: &mut ::pilota::LinkedBytes) {
                ::pilota::pb::encoding::bytes::encode(1, &self.data, buf);
            }

            #[allow(unused_variables)]
            fn merge_field(
                &mut self,
                tag: u32,
                wire_type: ::pilota::pb::encoding::WireType,
                buf: &mut ::pilota::Bytes,
                ctx: &mut ::pilota::pb::encoding::DecodeContext,
                is_root: bool,
            ) -> ::core::result::Result<(), ::pilota::pb::DecodeError> {
                const STRUCT_NAME: &'static str = stringify!(Payload);

                match tag {
                    1 => {
                        let mut _inner_pilota_value = &mut self.data;
                        ::pilota::pb::encoding::bytes::merge(wire_type, _inner_pilota_value, buf, ctx)
                            .map_err(|mut error| {
                                error.push(STRUCT_NAME, stringify!(data));
                                error
                            })
                    }
                    _ => ::pilota::pb::encoding::skip_field(wire_type, tag, buf, ctx),
                }
            }
        }

        pub trait Echo {
            fn say(
                &self,
                req: ::volo_grpc::Request<Payload>,
            ) -> impl ::std::future::Future<
                Output = ::std::result::Result<::volo_grpc::Response<Payload>, ::volo_grpc::Status>,
            > + Send;
        }

        pub enum EchoRequestSend {
            Say(::volo_grpc::BoxStream<'static, ::std::result::Result<Payload, ::volo_grpc::Status>>),
        }

        impl ::volo_grpc::SendEntryMessage for EchoRequestSend {
            fn into_body(
                self,
                compression_encoding: ::std::option::Option<
                    ::volo_grpc::codec::compression::CompressionEncoding,
                >,
            ) -> ::volo_grpc::BoxStream<
                'static,
                ::std::result::Result<
                    ::volo_grpc::codegen::Frame<::volo_grpc::codegen::Bytes>,
                    ::volo_grpc::Status,
                >,
            > {
                match self {
                    Self::Say(s) => ::volo_grpc::codec::encode::encode(s, compression_encoding),
                }
            }
        }

        pub enum EchoRequestRecv {
            Say(::volo_grpc::RecvStream<Payload>),
        }

        impl ::volo_grpc::RecvEntryMessage for EchoRequestRecv {
            fn from_body(
                method: ::std::option::Option<&str>,
                body: ::volo_grpc::body::BoxBody,
                kind: ::volo_grpc::codec::decode::Kind,
                compression_encoding: ::std::option::Option<
                    ::volo_grpc::codec::compression::CompressionEncoding,
                >,
            ) -> ::std::result::Result<Self, ::volo_grpc::Status> {
                match method {
                    Some("/ferrywire.bench.Echo/Say") => ::std::result::Result::Ok(Self::Say(
                        ::volo_grpc::RecvStream::new(body, kind, compression_encoding),
                    )),
                    _ => ::std::result::Result::Err(::volo_grpc::Status::new(
                        ::volo_grpc::Code::Unimplemented,
                        "Method not found.",
                    )),
                }
            }
        }

        pub enum EchoResponseSend {
            Say(::volo_grpc::BoxStream<'static, ::std::result::Result<Payload, ::volo_grpc::Status>>),
        }

        impl ::volo_grpc::SendEntryMessage for EchoResponseSend {
            fn into_body(
                self,
                compression_encoding: ::std::option::Option<
                    ::volo_grpc::codec::compression::CompressionEncoding,
                >,
            ) -> ::volo_grpc::BoxStream<
                'static,
                ::std::result::Result<
                    ::volo_grpc::codegen::Frame<::volo_grpc::codegen::Bytes>,
                    ::volo_grpc::Status,
                >,
            > {
                match self {
                    Self::Say(s) => ::volo_grpc::codec::encode::encode(s, compression_encoding),
                }
            }
        }

        pub enum EchoResponseRecv {
            Say(::volo_grpc::RecvStream<Payload>),
        }

        impl ::volo_grpc::RecvEntryMessage for EchoResponseRecv {
            fn from_body(
                method: ::std::option::Option<&str>,
                body: ::volo_grpc::body::BoxBody,
                kind: ::volo_grpc::codec::decode::Kind,
                compression_encoding: ::std::option::Option<
                    ::volo_grpc::codec::compression::CompressionEncoding,
                >,
            ) -> ::std::result::Result<Self, ::volo_grpc::Status>
            where
                Self: ::core::marker::Sized,
            {
                match method {
                    Some("/ferrywire.bench.Echo/Say") => ::std::result::Result::Ok(Self::Say(
                        ::volo_grpc::RecvStream::new(body, kind, compression_encoding),
                    )),
                    _ => ::std::result::Result::Err(::volo_grpc::Status::new(
                        ::volo_grpc::Code::Unimplemented,
                        "Method not found.",
                    )),
                }
            }
        }

        pub struct EchoClientBuilder {}
        impl EchoClientBuilder {
            pub fn new(
                service_name: impl AsRef<str>,
            ) -> ::volo_grpc::client::ClientBuilder<
                ::volo::layer::Identity,
                ::volo::layer::Identity,
                MkEchoGenericClient,
                ::volo_grpc::layer::loadbalance::LbConfig<
                    ::volo::loadbalance::random::WeightedRandomBalance<(::volo::FastStr)>,
                    ::volo_grpc::client::dns::DnsResolver,
                >,
                EchoRequestSend,
                EchoResponseRecv,
            > {
                ::volo_grpc::client::ClientBuilder::new(MkEchoGenericClient, service_name)
            }
        }

        pub struct MkEchoGenericClient;

        pub type EchoClient = EchoGenericClient<
            ::volo::service::BoxCloneService<
                ::volo_grpc::context::ClientContext,
                ::volo_grpc::Request<EchoRequestSend>,
                ::volo_grpc::Response<EchoResponseRecv>,
                ::volo_grpc::Status,
            >,
        >;

        impl<S> ::volo::client::MkClient<::volo_grpc::Client<S>> for MkEchoGenericClient {
            type Target = EchoGenericClient<S>;
            fn mk_client(&self, service: ::volo_grpc::Client<S>) -> Self::Target {
                EchoGenericClient(service)
            }
        }

        #[derive(Clone)]
        pub struct EchoGenericClient<S>(pub ::volo_grpc::Client<S>);

        pub struct EchoOneShotClient<S>(pub ::volo_grpc::Client<S>);

        impl<S> EchoGenericClient<S>
        where
            S: ::volo::service::Service<
                    ::volo_grpc::context::ClientContext,
                    ::volo_grpc::Request<EchoRequestSend>,
                    Response = ::volo_grpc::Response<EchoResponseRecv>,
                    Error = ::volo_grpc::Status,
                > + Sync
                + Send
                + 'static,
        {
            pub fn with_callopt<Opt: ::volo::client::Apply<::volo_grpc::context::ClientContext>>(
                self,
                opt: Opt,
            ) -> EchoOneShotClient<::volo::client::WithOptService<S, Opt>> {
                EchoOneShotClient(self.0.with_opt(opt))
            }

            pub async fn say(
                &self,
                requests: impl ::volo_grpc::IntoRequest<Payload>,
            ) -> ::std::result::Result<::volo_grpc::Response<Payload>, ::volo_grpc::Status> {
                let req = requests
                    .into_request()
                    .map(|m| {
                        ::volo_grpc::codegen::futures::stream::once(
                            ::volo_grpc::codegen::futures::future::ready(::std::result::Result::Ok(m)),
                        )
                    })
                    .map(|message| EchoRequestSend::Say(::std::boxed::Box::pin(message) as _));
                let mut cx = self.0.make_cx("/ferrywire.bench.Echo/Say");

                let resp = ::volo::Service::call(&self.0, &mut cx, req).await?;
                let (mut metadata, extensions, message_stream) = resp.into_parts();
                let mut message_stream = match message_stream {
                    EchoResponseRecv::Say(stream) => stream,
                    #[allow(unreachable_patterns)]
                    _ => {
                        return ::std::result::Result::Err(::volo_grpc::Status::new(
                            ::volo_grpc::Code::Unimplemented,
                            "Method not found.",
                        ));
                    }
                };
                let message = ::volo_grpc::codegen::StreamExt::try_next(&mut message_stream)
                    .await
                    .map_err(|mut status| {
                        status.metadata_mut().merge(metadata.clone());
                        status
                    })?
                    .ok_or_else(|| {
                        ::volo_grpc::Status::new(::volo_grpc::Code::Internal, "Missing response message.")
                    })?;
                if let Some(trailers) = message_stream.trailers().await? {
                    metadata.merge(trailers);
                }
                ::std::result::Result::Ok(::volo_grpc::Response::from_parts(metadata, extensions, message))
            }
        }

        impl<
            S: ::volo::client::OneShotService<
                    ::volo_grpc::context::ClientContext,
                    ::volo_grpc::Request<EchoRequestSend>,
                    Response = ::volo_grpc::Response<EchoResponseRecv>,
                    Error = ::volo_grpc::Status,
                > + Send
                + Sync
                + 'static,
        > EchoOneShotClient<S>
        {
            pub async fn say(
                self,
                requests: impl ::volo_grpc::IntoRequest<Payload>,
            ) -> ::std::result::Result<::volo_grpc::Response<Payload>, ::volo_grpc::Status> {
                let req = requests
                    .into_request()
                    .map(|m| {
                        ::volo_grpc::codegen::futures::stream::once(
                            ::volo_grpc::codegen::futures::future::ready(::std::result::Result::Ok(m)),
                        )
                    })
                    .map(|message| EchoRequestSend::Say(::std::boxed::Box::pin(message) as _));
                let mut cx = self.0.make_cx("/ferrywire.bench.Echo/Say");

                let resp = ::volo::client::OneShotService::call(self.0, &mut cx, req).await?;

                let (mut metadata, extensions, message_stream) = resp.into_parts();
                let mut message_stream = match message_stream {
                    EchoResponseRecv::Say(stream) => stream,
                    #[allow(unreachable_patterns)]
                    _ => {
                        return ::std::result::Result::Err(::volo_grpc::Status::new(
                            ::volo_grpc::Code::Unimplemented,
                            "Method not found.",
                        ));
                    }
                };
                let message = ::volo_grpc::codegen::StreamExt::try_next(&mut message_stream)
                    .await
                    .map_err(|mut status| {
                        status.metadata_mut().merge(metadata.clone());
                        status
                    })?
                    .ok_or_else(|| {
                        ::volo_grpc::Status::new(::volo_grpc::Code::Internal, "Missing response message.")
                    })?;
                if let Some(trailers) = message_stream.trailers().await? {
                    metadata.merge(trailers);
                }
                ::std::result::Result::Ok(::volo_grpc::Response::from_parts(metadata, extensions, message))
            }
        }

        pub struct EchoServer<S> {
            inner: ::std::sync::Arc<S>,
        }

        impl<S> Clone for EchoServer<S> {
            fn clone(&self) -> Self {
                EchoServer { inner: self.inner.clone() }
            }
        }

        impl<S> EchoServer<S> {
            pub fn new(inner: S) -> Self {
                Self::from_arc(::std::sync::Arc::new(inner))
            }

            pub fn from_arc(inner: ::std::sync::Arc<S>) -> Self {
                Self { inner }
            }
        }

        impl<S>
            ::volo::service::Service<
                ::volo_grpc::context::ServerContext,
                ::volo_grpc::Request<EchoRequestRecv>,
            > for EchoServer<S>
        where
            S: Echo + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            type Response = ::volo_grpc::Response<EchoResponseSend>;
            type Error = ::volo_grpc::status::Status;

            async fn call<'s, 'cx>(
                &'s self,
                cx: &'cx mut ::volo_grpc::context::ServerContext,
                req: ::volo_grpc::Request<EchoRequestRecv>,
            ) -> ::std::result::Result<Self::Response, Self::Error> {
                let inner = self.inner.clone();
                match cx.rpc_info.method().as_str() {
                    "/ferrywire.bench.Echo/Say" => {
                        let (mut metadata, extensions, message_stream) = req.into_parts();
                        let mut message_stream = match message_stream {
                            EchoRequestRecv::Say(stream) => stream,
                            #[allow(unreachable_patterns)]
                            _ => {
                                return ::std::result::Result::Err(::volo_grpc::Status::new(
                                    ::volo_grpc::Code::Unimplemented,
                                    "Method not found.",
                                ));
                            }
                        };
                        ::volo_grpc::codegen::futures::pin_mut!(message_stream);
                        let message = ::volo_grpc::codegen::StreamExt::try_next(&mut message_stream)
                            .await?
                            .ok_or_else(|| {
                            ::volo_grpc::Status::new(::volo_grpc::Code::Internal, "Missing request message.")
                        })?;
                        if let Some(trailers) = message_stream.trailers().await? {
                            metadata.merge(trailers);
                        }
                        let req = ::volo_grpc::Request::from_parts(metadata, extensions, message);
                        let resp = inner.say(req).await;
                        resp.map(|r| {
                            r.map(|m| {
                                EchoResponseSend::Say(::std::boxed::Box::pin(
                                    ::volo_grpc::codegen::futures::stream::once(
                                        ::volo_grpc::codegen::futures::future::ok(m),
                                    ),
                                ))
                            })
                        })
                    }
                    path => {
                        let path = path.to_string();
                        ::std::result::Result::Err(::volo_grpc::Status::unimplemented(::std::format!(
                            "Unimplemented http path: {}",
                            path
                        )))
                    }
                }
            }
        }

        impl<S: Echo> ::volo_grpc::server::NamedService for EchoServer<S> {
            const NAME: &'static str = "ferrywire.bench.Echo";
        }
    }
}
